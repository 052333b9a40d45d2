"""What people are asked to allow: README, the guide and the sandbox name what the table names."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.sandbox.installation import DELEGATED_PERMISSIONS
from bridge.teams.scopes import SCOPES, Scope

ROOT = Path(__file__).parents[2]
OPENID = {"openid", "profile", "offline_access"}


def row(scope: Scope) -> str:
    need = "required" if scope.required else "optional"
    return f"| `{scope.name}` | {scope.when} | {need} | {scope.reason} |"


def test_the_readme_lists_every_delegated_permission_with_its_reason() -> None:
    _, _, after = (ROOT / "README.md").read_text().partition("| delegated permission |")
    rows = after.partition("\n\n")[0].splitlines()[2:]

    assert rows == [row(scope) for scope in SCOPES]


def test_the_guide_lists_the_same_delegated_permissions() -> None:
    guide = (ROOT / "docs" / "installation.md").read_text()
    listed = re.findall(r"^\| `([\w.]+)` \| delegated(, optional)? \|", guide, re.MULTILINE)

    assert listed == [(one.name, "" if one.required else ", optional") for one in SCOPES]


def test_the_simulated_organisation_grants_these_and_not_one_more() -> None:
    assert set(DELEGATED_PERMISSIONS) == {scope.name for scope in SCOPES} | OPENID
    assert len(set(DELEGATED_PERMISSIONS)) == len(DELEGATED_PERMISSIONS)
