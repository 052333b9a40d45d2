"""Microsoft's own Python SDK, pointed at the tenant; what it has read is compared with the JSON.

    SDK ── https ──> tenant          answer ─┬─ as JSON ─┬─ compared, property by property
                                             └─ as model ┘

A property that the SDK does not know lands in its `additional_data`; a value that it cannot read
becomes None. Both are told.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.chat_message import ChatMessage
from msgraph.generated.models.item_body import ItemBody
from msgraph.graph_request_adapter import GraphRequestAdapter, options
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory
from typing_extensions import override

from bridge.sandbox.tenant.client import Person
from tests.kit.odata import BEYOND_THE_SCHEMA
from tests.unit.sandbox.tenant.place import Place

NEVER = 1 << 40
"""Seconds since 1970: the SDK shall not ask again."""
KNOWN_TO_BE_MISSING = frozenset().union(*BEYOND_THE_SCHEMA.values())
"""Properties that Graph sends and its SDK does not know."""


class Credential(AsyncTokenCredential):
    """What azure-identity would be: gives the SDK a token of the tenant's."""

    def __init__(self, token: str) -> None:
        self._token = AccessToken(token, NEVER)

    @override
    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://127.0.0.1/.default",)
        return self._token

    @override
    async def close(self) -> None:
        pass

    @override
    async def __aexit__(self, *_: object) -> None:
        pass


@dataclass
class Office:
    """A client of the SDK, and the JSON of the last answer that it got."""

    graph: GraphServiceClient
    answers: list[Any] = field(default_factory=list)

    def read(self, model: Any) -> Any:
        """The model, after it was compared with what had come over the wire."""
        assert model is not None
        problems = list(differences(self.answers[-1], model, "$"))
        assert not problems, problems
        return model


def differences(seen: Any, model: Any, place: str) -> list[str]:
    """What of the JSON the model has not understood."""
    if isinstance(seen, list):
        assert isinstance(model, list)
        pairs = zip(seen, model, strict=True)
        return [d for n, (s, m) in enumerate(pairs) for d in differences(s, m, f"{place}[{n}]")]
    if not isinstance(seen, dict):
        return []
    found = [
        f"{place}.{name} is additional data"
        for name in getattr(model, "additional_data", {})
        if "@" not in name and name not in KNOWN_TO_BE_MISSING
    ]
    for name, value in seen.items():
        if "@" in name or value is None or name in KNOWN_TO_BE_MISSING:
            continue
        got = getattr(model, attribute(name), None)
        if got is None:
            found.append(f"{place}.{name} = {value!r} is not understood")
        else:
            found += differences(value, got, f"{place}.{name}")
    return found


def attribute(name: str) -> str:
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return "from_" if snake == "from" else snake


class Offices:
    """Opens clients of the SDK, for the app by itself and for people."""

    def __init__(self, place: Place, trust: ssl.SSLContext) -> None:
        self._place = place
        self._trust = trust
        self._opened: list[httpx.AsyncHTTPTransport] = []

    async def of(self, person: Person | None) -> Office:
        place = self._place
        token = await (place.app_token() if person is None else place.user_token(person))
        answers: list[Any] = []

        async def keep(response: httpx.Response) -> None:
            raw = await response.aread()
            answers.append(orjson.loads(raw) if raw and response.status_code < 400 else None)

        # The SDK puts a transport of its own around this one, and never closes it.
        transport = httpx.AsyncHTTPTransport(verify=self._trust)
        self._opened.append(transport)
        http = httpx.AsyncClient(
            transport=transport, trust_env=False, event_hooks={"response": [keep]}
        )
        client = GraphClientFactory.create_with_default_middleware(client=http, options=options)
        provider = AzureIdentityAuthenticationProvider(Credential(token))
        adapter = GraphRequestAdapter(provider, client)
        adapter.base_url = f"{place.server.base}/v1.0"
        return Office(GraphServiceClient(request_adapter=adapter), answers)

    async def close(self) -> None:
        for transport in self._opened:
            await transport.aclose()


@pytest.fixture
async def offices(place: Place, trust: ssl.SSLContext) -> AsyncIterator[Offices]:
    offices = Offices(place, trust)
    yield offices
    await offices.close()


def html(text: str, **more: Any) -> ChatMessage:
    return ChatMessage(body=ItemBody(content_type=BodyType.Html, content=text), **more)


def query(parameters: Any, **headers: str) -> Any:
    """What a request of the SDK takes besides its body."""
    asked: Any = RequestConfiguration(query_parameters=parameters)
    for name, value in headers.items():
        asked.headers.add(name, value)
    return asked
