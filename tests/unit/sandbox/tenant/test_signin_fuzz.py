"""Whatever is sent to the sign-in endpoints, they answer in Microsoft's form, never with a 500."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from bridge.sandbox.tenant import client_signin
from tests.unit.sandbox.tenant.place import REDIRECT, SECRET, Answer, Place
from tests.unit.sandbox.tenant.signins import CP1
from tests.unit.sandbox.tenant.test_fuzz import examples

TEXT = st.text(max_size=30)
HEADER = st.sampled_from(
    ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOlszXX0", "e30", "bnVsbA", "WzFd"]
)
ASSERTIONS = st.tuples(HEADER, HEADER | TEXT, HEADER | TEXT).map(".".join) | TEXT
VALUES: dict[str, Any] = {
    "client_id": TEXT,
    "client_secret": TEXT | st.just(SECRET),
    "client_assertion": ASSERTIONS,
    "client_assertion_type": st.just("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
    "scope": TEXT
    | st.sampled_from(["openid", ".default", "//", "/.default x", "openid Chat.Read"]),
    "redirect_uri": TEXT | st.just(REDIRECT),
    "response_type": TEXT | st.just("code"),
    "response_mode": TEXT | st.sampled_from(["query", "fragment", "form_post"]),
    "prompt": TEXT | st.sampled_from(["none", "login"]),
    "state": st.text(max_size=200),
    "nonce": TEXT,
    "claims": TEXT
    | st.sampled_from(
        [
            CP1,
            "null",
            '{"access_token":[]}',
            '{"access_token":{"xms_cc":{"values":[null,[]]}}}',
            "[" * 500,
        ]
    ),
    "code": TEXT,
    "code_verifier": TEXT,
    "code_challenge": TEXT | st.just("c" * 43),
    "code_challenge_method": TEXT | st.just("S256"),
    "refresh_token": TEXT,
    "device_code": TEXT,
    "otc": TEXT,
    "user": TEXT,
    "cancel": TEXT,
    "everyone": TEXT,
    "login_hint": TEXT,
    "post_logout_redirect_uri": TEXT | st.just(REDIRECT),
    "client_info": TEXT,
}
FORMS = st.sets(st.sampled_from(sorted(VALUES)), max_size=9).flatmap(
    lambda names: st.fixed_dictionaries({name: VALUES[name] for name in sorted(names)})
)
KINDS = st.sampled_from(
    [
        "client_credentials",
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "",
    ]
)
PAGES = ["oauth2/v2.0/authorize", "v2.0/adminconsent", "adminconsent", "oauth2/v2.0/logout"]


def told(answer: Answer) -> None:
    assert answer.status in (200, 400, 401), answer.raw
    if answer.status != 200:
        assert answer.body["error_codes"]
        assert answer.body["error"]


async def good(place: Place) -> dict[str, str]:
    """Values that are right, to be spoilt one at a time."""
    await client_signin.change_registration(place.tenant, place.app, public=True)
    return {"client_id": place.app, "redirect_uri": REDIRECT, "response_type": "code"}


async def test_any_token_request_is_answered(place: Place) -> None:
    url = f"/{place.tenant.id}/oauth2/v2.0/token"
    right = {"client_id": place.app}
    for kind, form in examples(st.tuples(KINDS, FORMS)):
        told(await place.http("POST", url, data={"grant_type": kind} | right | form))
        told(await place.http("POST", url, data=right | {"grant_type": kind, **form} | right))


async def test_any_device_request_is_answered(place: Place) -> None:
    right = await good(place)
    begin = f"/{place.tenant.id}/oauth2/v2.0/devicecode"
    flow = (await place.http("POST", begin, data=right | {"scope": "openid"})).body
    for form in examples(FORMS):
        told(await place.http("POST", begin, data=right | form))
        for typed in (form, form | {"otc": flow["user_code"]}):
            page = await place.http("POST", "/devicelogin", data=typed)
            assert page.status in (200, 400), page.raw


@pytest.mark.parametrize("path", PAGES)
async def test_any_page_request_is_answered(place: Place, path: str) -> None:
    right = await good(place)
    url = f"/{place.tenant.id}/{path}"
    for form in examples(FORMS):
        for fields in (form, right | form, form | right | {"user": place.alice.id}):
            for method, name in (("GET", "params"), ("POST", "data")):
                answer = await place.http(method, url, **{name: fields})
                assert answer.status in (200, 302, 400), answer.raw
                assert answer.headers.get("Location", REDIRECT).startswith(REDIRECT)


@pytest.mark.parametrize("path", ["oauth2/v2.0/token", "oauth2/v2.0/devicecode", *PAGES])
async def test_any_bytes_are_answered(place: Place, path: str) -> None:
    for raw in examples(st.binary(max_size=200)):
        answer = await place.http("POST", f"/{place.tenant.id}/{path}", data=raw)
        assert answer.status in (200, 302, 400, 401), answer.raw
    odd = await place.http("GET", f"/{place.tenant.id}/{path}?state=%FF%ED%A0%80&client_id=%00")
    assert odd.status in (200, 400)


async def test_any_control_request_about_signing_in_is_answered(place: Place) -> None:
    junk = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT | st.lists(TEXT)
    names = st.sampled_from(
        ["number", "user", "app", "at", "times", "roles", "assigned", "enabled", "user_consent"]
    )
    bodies = examples(st.dictionaries(names, junk, max_size=4))
    base = f"/_control/tenants/{place.tenant.id}"
    for body in bodies:
        for method, path in (
            ("POST", "/signin/policies"),
            ("POST", "/signin/throttle"),
            ("PATCH", "/signin"),
            ("PATCH", f"/apps/{place.app}/registration"),
            ("PATCH", f"/apps/{place.app}/principal"),
            ("POST", f"/apps/{place.app}/consent"),
            ("POST", "/signin/expire-refresh-tokens"),
        ):
            answer = await place.http(method, base + path, json=body)
            assert answer.status < 500, (path, body, answer.raw)
