"""Ways to sign in that the tests of sign-in share: by hand, and with Microsoft's own library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msal
import requests

from bridge.sandbox.tenant.client import Person
from tests.unit.sandbox.tenant.place import REDIRECT, SECRET, Place

CP1 = '{"access_token":{"xms_cc":{"values":["cp1"]}}}'
"""The `claims` parameter of a client that understands challenges."""


@contextmanager
def client(
    place: Place, credential: Any = SECRET, **options: Any
) -> Iterator[msal.ConfidentialClientApplication]:
    with requests.Session() as session:
        session.verify = str(place.papers.ca)
        yield msal.ConfidentialClientApplication(
            place.app,
            client_credential=credential,
            authority=place.tenant.authority,
            instance_discovery=False,
            http_client=session,
            **options,
        )


@contextmanager
def public_client(place: Place, app: str, **options: Any) -> Iterator[msal.PublicClientApplication]:
    with requests.Session() as session:
        session.verify = str(place.papers.ca)
        yield msal.PublicClientApplication(
            app,
            authority=place.tenant.authority,
            instance_discovery=False,
            http_client=session,
            **options,
        )


def app_token(place: Place, credential: Any = SECRET, **options: Any) -> dict[str, Any]:
    with client(place, credential, **options) as app:
        return dict(app.acquire_token_for_client([f"{place.server.base}/.default"]))


def aadsts(answer: dict[str, Any]) -> int:
    assert {
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
    } <= answer.keys()
    assert answer["error_description"].startswith(f"AADSTS{answer['error_codes'][0]}:")
    return int(answer["error_codes"][0])


async def redeem(place: Place, code: str, **more: str) -> dict[str, Any]:
    answer = await place.token(
        grant_type="authorization_code", code=code, **({"redirect_uri": REDIRECT} | more)
    )
    return dict(answer.body)


async def refresh(place: Place, token: str, **more: str) -> dict[str, Any]:
    answer = await place.token(grant_type="refresh_token", refresh_token=token, **more)
    return dict(answer.body)


async def signed_in(place: Place, person: Person, **more: str) -> dict[str, Any]:
    """The tokens of a person who signs in at the page."""
    return await redeem(place, await place.code(person), **more)


async def by_app(place: Place, **more: str) -> dict[str, Any]:
    """The answer to a request for the app's own token."""
    answer = await place.token(
        grant_type="client_credentials", scope=f"{place.server.base}/.default", **more
    )
    return dict(answer.body)


async def bearing(place: Place, token: str, path: str = "/me") -> Any:
    """A Graph request with this token."""
    headers = {"Authorization": f"Bearer {token}"}
    return await place.http("GET", f"/v1.0{path}", headers=headers)
