"""The lists in docs/simulated-tenant.md that are made from the code; `--write` renews them.

.venv/bin/python -m tests.docs.tenant_operations --write
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson

from bridge.sandbox.tenant import control
from bridge.sandbox.tenant.settings import Settings
from tests.kit.tenant_table import place, routes

DOCUMENT = Path(__file__).parents[2] / "docs" / "simulated-tenant.md"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_DRIVES = re.compile(r"^/(drives/\{drive\}|(users|groups|sites)/\{\w+\}/drive)(?=/|$)")
_SECTION = re.compile(r"(<!-- made from the code: (\w+) -->\n).*?(<!-- until here -->)", re.DOTALL)


def operations() -> str:
    """Every operation of Graph, one line a path; all addresses of a drive are one."""
    methods: dict[str, set[str]] = {}
    for route in routes():
        method, _, path = place(route).partition(" ")
        methods.setdefault(_DRIVES.sub("_drive_", path), set()).add(method)
    rows = (
        (f"`{path}`", ", ".join(m for m in METHODS if m in found))
        for path, found in sorted(methods.items(), key=lambda item: item[0].casefold())
    )
    return _table(("path below `/v1.0`", "methods"), rows)


def controls() -> str:
    """Every control request with the first sentence about it."""
    rows = (
        (f"`{where}`", _sentence(inspect.getdoc(act) or act.__name__.replace("_", " ")))
        for where, act in sorted(control._ACTS, key=lambda item: item[0].partition(" ")[::-1])
    )
    return _table(("below `/_control/tenants/{id}`", "what it does"), rows)


def settings() -> str:
    """Every setting with its default and what is written below it."""
    tree = ast.parse(inspect.getsource(Settings))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    defaults, rows = Settings(), list[tuple[str, str, str]]()
    for statement in body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)):
                rows.append((f"`{name}`", f"`{_shown(getattr(defaults, name))}`", ""))
            case ast.Expr(value=ast.Constant(value=str(text))) if rows:
                rows[-1] = (*rows[-1][:2], " ".join(text.split()))
            case _:
                pass
    return _table(("setting", "default", "why there is a choice"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "operations": operations,
    "controls": controls,
    "settings": settings,
}


def renewed(text: str) -> str:
    """The document with all its lists made anew."""
    return _SECTION.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}{found[3]}", text)


def parts_of(text: str) -> set[str]:
    return {found[1] for found in _SECTION.findall(text)}


def _shown(value: object) -> str:
    """As the control interface takes it."""
    return orjson.dumps(value).decode()


def _sentence(text: str) -> str:
    """The first sentence, on one line."""
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    DOCUMENT.write_text(renewed(DOCUMENT.read_text()))
