"""The simulated tenant's table of operations, for tests that grow with it."""

from __future__ import annotations

from typing import cast

import aiohttp

from bridge.sandbox.tenant.graph import Graph
from bridge.sandbox.tenant.handshake import Handshake
from bridge.sandbox.tenant.routes import Route
from bridge.sandbox.tenant.subscriptions import Subscriptions
from bridge.sandbox.tenant.tenant import Realm


def routes() -> list[Route]:
    """Every operation, by path and method; nothing is called, so no connection is needed."""
    nowhere = cast("aiohttp.ClientSession", None)
    graph = Graph(cast("Realm", None), Subscriptions(Handshake(nowhere)))
    return sorted(graph.table.routes, key=lambda route: (route.path.casefold(), route.method))


FUNCTION = "doesUserHaveAccess(userId='a',tenantId='b',userPrincipalName='c')"
"""The one function with arguments; its route has a placeholder in their stead."""


def path(route: Route) -> str:
    return route.path.replace("{function}", FUNCTION)


def place(route: Route) -> str:
    return f"{route.method} {route.path.replace('{function}', FUNCTION.partition('(')[0])}"
