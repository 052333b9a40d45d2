"""What people tell the bot to do: one registry, of which `help` is generated.

    text ─▶ words ─▶ Registry.find ─▶ may they, here? ─▶ Command.run(Call) ─▶ the answer

Each part of the bridge brings a list of Commands; `bridge.app` puts them together, `matrix.desk`
obeys.
"""

from __future__ import annotations

from bridge.matrix.commands.registry import Call, Command, Misused, Registry, Section, Where

__all__ = ["Call", "Command", "Misused", "Registry", "Section", "Where"]
