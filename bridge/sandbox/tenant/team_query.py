"""`$select`, `$filter` and pages of what is in lists of teams, channels and members.

Sources: learn.microsoft.com graph/query-parameters and the pages of the operations; the texts of
the refusals are those of Microsoft's OData library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.call import Call
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request

MEMBERS_PAGE_DEFAULT = 100
MEMBERS_PAGE_MAX = 999
"""Of members and teams (learn.microsoft.com graph/api team-list-members)."""

Test = Callable[[Json], bool]
_Item = TypeVar("_Item")

_TYPE = r"(?:microsoft\.graph\.\w+/)?"
_CLAUSE = re.compile(
    rf"[\s(]*(?:{_TYPE}(?P<name>\w+)\s+eq\s+'(?P<value>(?:[^']|'')*)'"
    rf"|startswith\(\s*{_TYPE}(?P<start>\w+)\s*,\s*'(?P<prefix>(?:[^']|'')*)'\s*\))[\s)]*",
    re.IGNORECASE,
)
_JOIN = re.compile(r"(and|or)\b", re.IGNORECASE)
_OPTIONS = {
    "$filter": "Filter",
    "$orderby": "OrderBy",
    "$select": "Select",
    "$search": "Search",
    "$skip": "Skip",
    "$expand": "Expand",
    "$count": "Count",
    "$top": "Top",
}


def only(call: Call, *known: str) -> None:
    """Refuse the OData options that this operation does not support.

    Raises:
        GraphError: 400, there is another one.
    """
    for name, label in _OPTIONS.items():
        if name in call.query and name not in known:
            msg = (
                f"Query option '{label}' is not allowed. To allow it, set the "
                "'AllowedQueryOptions' property on EnableQueryAttribute or "
                "QueryValidationSettings."
            )
            raise bad_request(msg)


def selected(call: Call, shown: Json, kind: str, hidden: Callable[[], Json] | None = None) -> Json:
    """What `$select` leaves; `hidden` makes the properties that come only when asked for.

    Raises:
        GraphError: 400, a property that the type has not.
    """
    text = call.query.get("$select")
    if text is None:
        return shown
    every = shown | (hidden() if hidden is not None else {})
    by_name = {name.casefold(): name for name in every if not name.startswith("@")}
    found: Json = {name: value for name, value in every.items() if name.startswith("@")}
    for wanted in (part.strip() for part in text.split(",")):
        name = by_name.get(wanted.casefold())
        if name is None:
            msg = (
                "Parsing OData Select and Expand failed: Could not find a property named "
                f"'{wanted}' on type 'microsoft.graph.{kind}'."
            )
            raise bad_request(msg)
        found[name] = every[name]
    return found


def filtered(call: Call, items: Iterable[Json], names: Sequence[str]) -> list[Json]:
    """Those that pass the `$filter`, which may ask for properties of these names."""
    text = call.query.get("$filter")
    if text is None:
        return list(items)
    passes = _parsed(text, {name.casefold(): name for name in names})
    return [item for item in items if passes(item)]


def page(
    call: Call,
    items: Sequence[_Item],
    *,
    default: int = MEMBERS_PAGE_DEFAULT,
    most: int = MEMBERS_PAGE_MAX,
) -> tuple[Sequence[_Item], Json]:
    """One page of the items, and the link to the next one if there is one."""
    size = wire.page_size(call.query, default=default, most=most)
    start = (wire.parse_skip_token(call.query.get("$skiptoken"), 1) or [0])[0]
    end = max(0, start) + size
    link: Json = {"@odata.nextLink": call.next_link([end])} if end < len(items) else {}
    return items[max(0, start) : end], link


def _parsed(text: str, names: dict[str, str]) -> Test:
    """Clauses joined by `and` and `or`, as one test; `and` binds more tightly."""
    either: list[list[Test]] = [[]]
    position = 0
    while True:
        clause = _CLAUSE.match(text, position)
        if clause is None:
            raise _unsupported(text)
        either[-1].append(_test(clause, names, text))
        position = clause.end()
        if position == len(text):
            return lambda item: any(all(test(item) for test in every) for every in either)
        join = _JOIN.match(text, position)
        if join is None:
            raise _unsupported(text)
        position = join.end()
        if join[1].casefold() == "or":
            either.append([])


def _test(clause: re.Match[str], names: dict[str, str], text: str) -> Test:
    name = names.get((clause["name"] or clause["start"]).casefold())
    if name is None:
        raise _unsupported(text)
    exact = clause["name"] is not None
    wanted = (clause["value"] if exact else clause["prefix"]).replace("''", "'").casefold()

    def passes(item: Json) -> bool:
        value = str(item.get(name) or "").casefold()
        return value == wanted if exact else value.startswith(wanted)

    return passes


def _unsupported(text: str) -> GraphError:
    msg = f"Invalid filter clause: '{text}' is not supported."
    return bad_request(msg)
