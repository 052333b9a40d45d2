"""docs/commands.md names every command that the bot obeys."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = re.compile(r'^ +name="([a-z-]+)",$', re.MULTILINE)


def test_the_page_names_every_command() -> None:
    sources = (ROOT / "bridge/matrix/commands").glob("*.py")
    names = {name for source in sources for name in NAME.findall(source.read_text())}
    page = (ROOT / "docs/commands.md").read_text()

    assert {"help", "login", "set-relay"} <= names
    assert {name for name in names if not re.search(rf"^\| `{name}\b", page, re.MULTILINE)} == set()
