"""`docs/gallery.md`: each kind of message of Teams, and what becomes of it in Matrix; and the other way.

    cases      chatMessages as Graph shows them, by kind
    showing    a chatMessage ─▶ the bridge's own converters ─▶ Matrix events, what was lost
    outward    a matrix event ─▶ the bridge's own converters ─▶ what Graph is asked (`outward_cases`)
    page       the document made of it
    pictures   how the page of `make demo` shows the events, in headless Chromium

    python -m tests.docs.gallery             writes the document and the pictures anew;
                                             with --no-pictures the document alone

`tests/docs/test_gallery.py` fails where the document does not say what the converters do.
"""
