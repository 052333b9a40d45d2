"""The table of operations and how a request finds its own.

Every module with operations has a `ROUTES` of its own; `table` puts them together. A literal
segment wins over one in braces, whatever the order of the table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from bridge.sandbox.tenant import paths
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, bad_request
from bridge.sandbox.tenant.permissions import Needs

Operation = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation; `needs` None means that the operation decides by itself."""

    method: str
    path: str
    """As in Graph's documentation, ids in braces: `/chats/{chat}/messages`."""
    needs: Needs | None
    run: Operation


def route(place: str, needs: Needs | None, run: Operation) -> Route:
    """`route("GET /chats/{chat}", permissions.GET_CHAT, get_chat)`."""
    method, _, path = place.partition(" ")
    return Route(method=method, path=path, needs=needs, run=run)


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)
    """By method: the route and the names of its ids."""


class Table:
    """All routes as one tree."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for item in self.routes:
            self._plant(item)

    def find(self, method: str, segments: list[str]) -> tuple[Route, dict[str, str]]:
        """The operation that is meant, and the ids in its path.

        Raises:
            GraphError: 400 for an unknown path, 405 for another method.
        """
        known = False
        for node, ids in _walk(self._root, segments, ()):
            found = node.routes.get(method)
            if found is not None:
                return found[0], dict(zip(found[1], ids, strict=True))
            known = known or bool(node.routes)
        if known:
            raise GraphError(
                405,
                "MethodNotAllowed",
                "Specified HTTP method is not allowed for the request target.",
            )
        msg = f"Resource not found for the segment '{segments[-1] if segments else ''}'."
        raise bad_request(msg)

    def _plant(self, item: Route) -> None:
        node, names = self._root, []
        for segment in paths.pattern(item.path):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.literal.setdefault(segment.casefold(), _Node())
        if item.method in node.routes:
            msg = f"{item.method} {item.path} is there twice"
            raise ValueError(msg)
        node.routes[item.method] = (item, tuple(names))


def _walk(
    node: _Node, segments: list[str], ids: tuple[str, ...]
) -> Iterable[tuple[_Node, tuple[str, ...]]]:
    """Every node that the path can mean, literal names first."""
    if not segments:
        yield node, ids
        return
    first, rest = segments[0], segments[1:]
    below = node.literal.get(first.casefold())
    if below is not None:
        yield from _walk(below, rest, ids)
    if node.any is not None:
        yield from _walk(node.any, rest, (*ids, first))
