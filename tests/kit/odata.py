"""Checks JSON against the schemas of Graph's OpenAPI description, strictly.

    schema ──compile, once── check(value, place, problems)

Stricter than JSON Schema would be, because Graph's own clients are: a property that the type does
not declare is a problem even where the type is open; `@odata.type` must be the declared type or one
derived from it, and must be there where the declared type is abstract. Own code rather than a
validator from the shelf: none knows OData's inheritance, and flattening 290 schemas for one that
does not is more than what stands here. Compiled to closures, a chat message takes some 50 µs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Check = Callable[[Any, str, list[str]], None]

PREFIX = "#/components/schemas/"
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,7})?(Z|[+-]\d{2}:\d{2})")
FORMATS = {
    "date-time": INSTANT,
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "duration": re.compile(r"-?P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"),
    "time": re.compile(r"\d{2}:\d{2}:\d{2}(\.\d{1,7})?"),
    "base64url": re.compile(r"[A-Za-z0-9+/_-]*={0,2}"),
}
BITS = {"int16": 16, "int32": 32, "int64": 64}
SHOWN = 80
"""Characters of a value that a problem quotes."""

ANYTHING = frozenset({"*"})
BEYOND_THE_SCHEMA: dict[str, frozenset[str]] = {
    # Every example of learn.microsoft.com graph/api chatmessage-get since 2022 has it, and the
    # page resources/teamworkuseridentity does not; `identity` is an open type.
    "microsoft.graph.identity": frozenset({"tenantId"}),
    # graph/api chatmessage-post shows the mention of a tag; the schema has it in beta only.
    "microsoft.graph.chatMessageMentionedIdentitySet": frozenset({"tag"}),
    # graph/api user-list-manager: `$expand=manager`
    "microsoft.graph.user": frozenset({"manager"}),
    # The whole resource, or its id and address: resources/changenotification.
    "microsoft.graph.resourceData": ANYTHING,
}
"""Properties that Graph sends though its schema does not declare them; derived types have them too."""


@dataclass(frozen=True)
class Type:
    """One type of Graph with what it inherits."""

    name: str
    properties: dict[str, Json]
    ancestors: frozenset[str]
    """With itself."""
    abstract: bool
    beyond: frozenset[str]


@dataclass
class Schemas:
    """The named schemas of a description, compiled when they are first met."""

    named: dict[str, Json]
    _types: dict[str, Type] = field(default_factory=dict)
    _checks: dict[str, Check] = field(default_factory=dict)

    def problems(self, name: str, value: Any) -> list[str]:
        """What is wrong with a value that should be of the type `microsoft.graph.…`."""
        return run(self.compile({"$ref": PREFIX + name}), value)

    def compile(self, schema: Json) -> Check:
        """The check for a schema; it adds to a list of problems."""
        match schema:
            case {"$ref": reference}:
                return self._named(str(reference).removeprefix(PREFIX))
            case {"anyOf": [first, {"nullable": True}]}:
                return _or_null(self.compile(first))
            case {"nullable": True}:
                return _or_null(self.compile({k: v for k, v in schema.items() if k != "nullable"}))
            case {"type": "array", "items": items}:
                return _array(self.compile(items))
            case {"allOf": _} | {"properties": _}:
                return self._object(self._type("", schema))
            case _:
                return _simple(schema)

    def type(self, name: str) -> Type:
        """The named type.

        Raises:
            KeyError: Graph has none of this name.
        """
        if name not in self._types:
            self._types[name] = self._type(name, self.named[name])
        return self._types[name]

    def names(self, schema: Json, *, depth: int) -> set[str]:
        """The properties of a schema and of those below it, down to this depth."""
        if "$ref" in schema:
            name = str(schema["$ref"]).removeprefix(PREFIX)
            return set() if "enum" in self.named[name] else self._below(self.type(name), depth)
        parts = [*schema.get("anyOf", ()), *schema.get("allOf", ()), schema.get("items", {})]
        found = {name for part in parts if part for name in self.names(part, depth=depth)}
        return found | self._below(self._type("", schema), depth)

    def _below(self, known: Type, depth: int) -> set[str]:
        if not depth:
            return set()
        below = (self.names(item, depth=depth - 1) for item in known.properties.values())
        return set(known.properties).union(*below)

    def _named(self, name: str) -> Check:
        """Compiled when it is first used: types refer to each other in circles."""

        def check(value: Any, place: str, problems: list[str]) -> None:
            if name not in self._checks:
                schema = self.named[name]
                self._checks[name] = (
                    self.compile(schema) if "enum" in schema else self._object(self.type(name))
                )
            self._checks[name](value, place, problems)

        return check

    def _type(self, name: str, schema: Json) -> Type:
        """Flatten `allOf`: the base type first, then what this one adds."""
        properties: dict[str, Json] = {}
        ancestors = {name}
        beyond = set(BEYOND_THE_SCHEMA.get(name, ()))
        abstract = False
        for part in schema.get("allOf", [schema]):
            if "$ref" in part:
                base = self.type(str(part["$ref"]).removeprefix(PREFIX))
                properties |= base.properties
                ancestors |= base.ancestors
                beyond |= base.beyond
            else:
                properties |= part.get("properties", {})
                beyond |= ANYTHING if not name and part.get("additionalProperties") else set()
                abstract = abstract or bool(part.get("x-abstract"))
        return Type(name, properties, frozenset(ancestors), abstract, frozenset(beyond))

    def _object(self, declared: Type) -> Check:
        checks: dict[str, dict[str, Check]] = {}

        def check(value: Any, place: str, problems: list[str]) -> None:
            if not isinstance(value, dict):
                problems.append(f"{place} is {shown(value)}, not an object")
                return
            actual = self._actual(declared, value, place, problems)
            known = checks.get(actual.name)
            if known is None:
                known = {name: self.compile(item) for name, item in actual.properties.items()}
                checks[actual.name] = known
            for name, item in value.items():
                if name in known:
                    known[name](item, f"{place}.{name}", problems)
                elif not _is_annotation(name) and not actual.beyond & {name, "*"}:
                    problems.append(f"{place}.{name} is not in {actual.name or 'the schema'}")

        return check

    def _actual(self, declared: Type, value: Json, place: str, problems: list[str]) -> Type:
        """The type that `@odata.type` names, if it can stand here."""
        given = value.get("@odata.type")
        if given is None or not declared.name:
            if declared.abstract:
                problems.append(f"{place} has no @odata.type, and {declared.name} is abstract")
            return declared
        name = str(given).removeprefix("#")
        try:
            actual = self.type(name)
        except KeyError:
            problems.append(f"{place}.@odata.type is {shown(given)}: there is no such type")
            return declared
        if declared.name not in actual.ancestors:
            problems.append(f"{place}.@odata.type is {shown(given)}, which is no {declared.name}")
        return actual


def run(check: Check, value: Any) -> list[str]:
    problems: list[str] = []
    check(value, "$", problems)
    return problems


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _simple(schema: Json) -> Check:
    match schema:
        case {"enum": values}:
            return _enum(values, flags="x-ms-enum-flags" in schema)
        case {"type": "object"}:
            return _only(dict, "an object")
        case {"type": "string"}:
            return _text(schema.get("format", ""))
        case {"type": "boolean"}:
            return _only(bool, "a boolean")
        case {"type": "integer" | "number"}:
            return _number(schema["type"], schema.get("format", ""))
        case _:
            return _fine


def _is_annotation(name: str) -> bool:
    """`@odata.context`, `members@odata.context`, `user@odata.bind`, `@microsoft.graph.tips`.

    `@removed` is that of graph/delta-query-overview.
    """
    return "@odata." in name or name.startswith(("@microsoft.graph.", "@removed"))


def _fine(value: Any, place: str, problems: list[str]) -> None:
    """Nothing is known about it."""


def _or_null(inner: Check) -> Check:
    def check(value: Any, place: str, problems: list[str]) -> None:
        if value is not None:
            inner(value, place, problems)

    return check


def _only(kind: type, words: str) -> Check:
    def check(value: Any, place: str, problems: list[str]) -> None:
        if not isinstance(value, kind):
            problems.append(f"{place} is {shown(value)}, not {words}")

    return check


def _array(inner: Check) -> Check:
    def check(value: Any, place: str, problems: list[str]) -> None:
        if not isinstance(value, list):
            problems.append(f"{place} is {shown(value)}, not a list")
            return
        for number, item in enumerate(value):
            inner(item, f"{place}[{number}]", problems)

    return check


def _enum(values: Iterable[str], *, flags: bool) -> Check:
    known = frozenset(values)

    def check(value: Any, place: str, problems: list[str]) -> None:
        given = value.split(",") if flags and isinstance(value, str) else [value]
        if not all(isinstance(item, str) and item in known for item in given):
            problems.append(f"{place} is {shown(value)}, none of {', '.join(sorted(known))}")

    return check


def _text(form: str) -> Check:
    wanted = FORMATS.get(form)

    def check(value: Any, place: str, problems: list[str]) -> None:
        if not isinstance(value, str):
            problems.append(f"{place} is {shown(value)}, not a string")
        elif wanted is not None and not wanted.fullmatch(value):
            problems.append(f"{place} is {shown(value)}, not a {form}")

    return check


def _number(kind: str, form: str) -> Check:
    allowed = (int,) if kind == "integer" or form in BITS else (int, float)
    limit = 1 << (BITS.get(form, 64) - 1)

    def check(value: Any, place: str, problems: list[str]) -> None:
        if isinstance(value, bool) or not isinstance(value, allowed):
            problems.append(f"{place} is {shown(value)}, not a {form or kind}")
        elif not -limit <= value < limit:
            problems.append(f"{place} is {shown(value)}, too large for {form or kind}")

    return check
