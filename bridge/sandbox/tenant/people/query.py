"""`$filter`, `$search`, `$orderby` and `$count` of users, under the directory's own rules.

    $filter ─ tokens ─ expression ─> Clause: which users, and whether it needs an advanced query

An advanced query is one with `ConsistencyLevel: eventual` and, but for `$search`, `$count=true`.

Sources: learn.microsoft.com graph/aad-advanced-queries with its tables (which operator works on
which property, and how), graph/search-query-parameter, graph/api user-list; the words of refusals
as those pages and developer.microsoft.com "Build advanced queries in Microsoft Graph" have them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bridge.sandbox.tenant.errors import GraphError, bad_request

TOKENS_MAX = 400
"""Of a filter; our own bound."""
DEPTH_MAX = 20
"""Parentheses and negations in one another; our own bound."""
VALUES_MAX = 15
"""Values after `in` (graph/filter-query-parameter)."""

Value = str | bool | None
Lookup = Callable[[str], object]
"""A user's property by its name."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<instant>\d{4}-\d\d-\d\dT[\d:.]+Z?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]*(?:/[A-Za-z0-9]+)*)|(?P<mark>[(),]))"
)
_COMPARING = frozenset({"eq", "ne", "ge", "le", "in"})
_EQUAL = frozenset({"eq", "in"})
_ORDERED = frozenset({"eq", "ge", "le", "in"})
_FULL = _ORDERED | {"startswith"}
_BY_DEFAULT: dict[str, frozenset[str]] = {
    "accountEnabled": _EQUAL,
    "city": _FULL,
    "country": _FULL,
    "createdDateTime": _ORDERED,
    "creationType": _EQUAL,
    "department": _FULL,
    "displayName": _EQUAL | {"startswith"},
    "employeeId": _EQUAL | {"startswith"},
    "givenName": _FULL,
    "id": _EQUAL,
    "jobTitle": _FULL,
    "mail": _FULL,
    "mailNickname": _FULL,
    "onPremisesSyncEnabled": _EQUAL,
    "state": _FULL,
    "surname": _FULL,
    "usageLocation": _FULL,
    "userPrincipalName": _EQUAL | {"le", "startswith"},
    "userType": _EQUAL,
}
"""Operators that work without more, by property."""
_WHEN_ADVANCED = frozenset(
    ["companyName", "employeeType", "mobilePhone", "officeLocation", "postalCode"]
    + ["preferredLanguage", "streetAddress"]
    + [f"onPremisesExtensionAttributes/extensionAttribute{number}" for number in range(1, 16)]
)
_ENDS = frozenset({"mail", "userPrincipalName"})
_NAMES = {name.casefold(): name for name in (*_BY_DEFAULT, *_WHEN_ADVANCED)}
_SORTED = {"displayname": "displayName", "userprincipalname": "userPrincipalName"}
_SORTED_WHEN_ADVANCED = {"createddatetime": "createdDateTime"}
_SEARCHED = {
    name.casefold(): name
    for name in ("displayName", "givenName", "surname", "mail", "userPrincipalName", "mailNickname")
}
_SEARCH = re.compile(r'"([A-Za-z]+):([^"]*)"')
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Which users pass, and what had to be asked in an advanced query: the operator's name."""

    test: Callable[[Lookup], bool]
    advanced: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """By which property, and whether from the last to the first."""

    name: str
    descending: bool
    advanced: bool


def parse_filter(text: str) -> Clause:
    """Read a filter.

    Raises:
        GraphError: 400, it makes no sense or is not supported.
    """
    return _Reader(text).read()


def parse_search(text: str) -> Clause:
    """Read `"displayName:al" AND "mail:x"`; AND binds closer than OR.

    Raises:
        GraphError: 400, it makes no sense.
    """
    either = [
        [_searched(part) for part in re.split(r"\s+AND\s+", side.strip())]
        for side in re.split(r"\s+OR\s+", text.strip())
    ]
    return Clause(test=lambda look: any(all(test(look) for test in every) for every in either))


def parse_order(text: str) -> Order:
    """Read `displayName desc`.

    Raises:
        GraphError: 400, users cannot be sorted like that.
    """
    name, _, way = text.strip().partition(" ")
    key = name.casefold()
    found = _SORTED.get(key) or _SORTED_WHEN_ADVANCED.get(key)
    if found is None or way.strip().casefold() not in ("", "asc", "desc"):
        raise unsupported("Sorting not supported for current query.")
    return Order(
        name=found,
        descending=way.strip().casefold() == "desc",
        advanced=key in _SORTED_WHEN_ADVANCED,
    )


def unsupported(message: str) -> GraphError:
    return bad_request(message, "Request_UnsupportedQuery")


def _searched(part: str) -> Callable[[Lookup], bool]:
    found = _SEARCH.fullmatch(part.strip())
    name = None if found is None else _SEARCHED.get(found[1].casefold())
    if found is None or name is None:
        msg = f"Syntax error: the search clause {part} is not valid."
        raise bad_request(msg)
    wanted = _WORD.findall(found[2].casefold())

    def test(look: Lookup) -> bool:
        value = str(look(name) or "").casefold()
        if name != "displayName":
            return value.startswith(found[2].casefold())
        words = _WORD.findall(value)
        return all(any(word.startswith(start) for word in words) for start in wanted)

    return test


class _Reader:
    """Reads one filter from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._advanced: str | None = None

    def read(self) -> Clause:
        test = self._either()
        if self._at != len(self._tokens):
            raise _broken()
        return Clause(test=test, advanced=self._advanced)

    def _either(self) -> Callable[[Lookup], bool]:
        tests = [self._both()]
        while self._skip("or"):
            tests.append(self._both())
        return lambda look: any(test(look) for test in tests)

    def _both(self) -> Callable[[Lookup], bool]:
        tests = [self._one()]
        while self._skip("and"):
            tests.append(self._one())
        return lambda look: all(test(look) for test in tests)

    def _one(self) -> Callable[[Lookup], bool]:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise _broken()
        try:
            return self._inner()
        finally:
            self._depth -= 1

    def _inner(self) -> Callable[[Lookup], bool]:
        if self._skip("not"):
            self._advanced = self._advanced or "Not"
            negated = self._one()
            return lambda look: not negated(look)
        if self._skip("("):
            inside = self._either()
            self._expect(")")
            return inside
        word = self._next().casefold()
        if word in ("startswith", "endswith"):
            return self._function(word)
        self._at -= 1
        return self._comparison()

    def _function(self, word: str) -> Callable[[Lookup], bool]:
        self._expect("(")
        name = self._property(word)
        self._expect(",")
        wanted = self._value()
        self._expect(")")
        if not isinstance(wanted, str):
            raise _broken()
        start = wanted.casefold()
        if word == "startswith":
            return lambda look: str(look(name) or "").casefold().startswith(start)
        return lambda look: str(look(name) or "").casefold().endswith(start)

    def _comparison(self) -> Callable[[Lookup], bool]:
        name = self._next()
        word = self._next().casefold()
        if word not in _COMPARING:
            raise _broken()
        name = self._checked(name, word)
        if word == "in":
            return self._among(name)
        wanted = self._value()
        if wanted is None:
            self._advanced = self._advanced or "null"
        return _compared(name, word, wanted)

    def _among(self, name: str) -> Callable[[Lookup], bool]:
        self._expect("(")
        tests = [_compared(name, "eq", self._value())]
        while self._skip(","):
            tests.append(_compared(name, "eq", self._value()))
        self._expect(")")
        if len(tests) > VALUES_MAX:
            msg = f"Too many child clauses specified in search filter: {VALUES_MAX} is the most."
            raise unsupported(msg)
        return lambda look: any(test(look) for test in tests)

    def _property(self, word: str) -> str:
        return self._checked(self._next(), word)

    def _checked(self, given: str, word: str) -> str:
        """The property's own name, if the operator works on it in some way."""
        name = _NAMES.get(given.casefold())
        if name is None or (word == "endswith" and name not in _ENDS):
            raise _not_for(given)
        if name in _WHEN_ADVANCED or word in ("endswith", "ne"):
            self._advanced = self._advanced or word
        elif word not in _BY_DEFAULT[name]:
            raise _not_for(given)
        return name

    def _value(self) -> Value:
        token = self._next()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        plain: dict[str, Value] = {"true": True, "false": False, "null": None}
        if token.casefold() in plain:
            return plain[token.casefold()]
        if token[:1].isdigit():
            return token
        raise _broken()

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise _broken()
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, word: str) -> bool:
        there = self._at < len(self._tokens) and self._tokens[self._at].casefold() == word
        self._at += there
        return there

    def _expect(self, word: str) -> None:
        if not self._skip(word):
            raise _broken()


def _compared(name: str, word: str, wanted: Value) -> Callable[[Lookup], bool]:
    def test(look: Lookup) -> bool:
        given = look(name)
        if wanted is None or isinstance(wanted, bool) or given is None:
            same = given == wanted
        else:
            left, right = str(given).casefold(), wanted.casefold()
            if word in ("ge", "le"):
                return left >= right if word == "ge" else left <= right
            same = left == right
        return same if word == "eq" else not same and word == "ne"

    return test


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None or len(found) >= TOKENS_MAX:
            raise _broken()
        found.append(token[0].strip())
        at = token.end()
    return found


def _broken() -> GraphError:
    return bad_request("Invalid filter clause: syntax error.")


def _not_for(name: str) -> GraphError:
    msg = (
        "Unsupported or invalid query filter clause specified for property "
        f"'{name}' of resource 'User'."
    )
    return unsupported(msg)
