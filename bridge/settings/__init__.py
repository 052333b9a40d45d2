"""Reading settings, whatever they are: where each comes from, and what it must look like.

    document.py   config.yaml and the environment together; lines, sources, every problem at once
    nodes.py      the YAML of a file, with lines
    fits.py       pure functions from text to a value; each says what it does not take

Knows no section of the bridge's configuration: those are in `bridge.config`.
"""
