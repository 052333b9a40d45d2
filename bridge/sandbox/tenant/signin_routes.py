"""The sign-in endpoints over HTTP: which tenant a request is for, and who answers it.

    request ─ form ─> authority ─> weather ─> signin | grants | device | admin_consent ─> answer

Sources: as of the modules that answer; `client-request-id` comes back as `correlation_id`
(learn.microsoft.com entra reference-error-codes).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import orjson
from aiohttp import web

from bridge.sandbox.tenant import (
    admin_consent,
    answers,
    authority,
    device,
    grants,
    signin,
)
from bridge.sandbox.tenant.aadsts import refusal
from bridge.sandbox.tenant.clock import TenantClock
from bridge.sandbox.tenant.errors import Json, SigninError, seconds, signin_error
from bridge.sandbox.tenant.page import Shown
from bridge.sandbox.tenant.tenant import Realm, Tenant

Work = Callable[[], Awaitable[web.StreamResponse]]
Weathered = Callable[[web.Request, Tenant, Work], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Form = dict[str, str]
_NOT_STORED = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
_TICKED = "everyone"
"""What only the form of a page may say, never the link that led to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigninRoutes:
    """All sign-in endpoints of one server."""

    realm: Realm
    clock: TenantClock
    weathered: Weathered

    def register(self, router: web.UrlDispatcher) -> None:
        """Put the endpoints where Entra has them."""
        for version, middle in ((1, ""), (2, "/v2.0")):
            router.add_get(
                f"/{{tenant}}{middle}/.well-known/openid-configuration",
                self._configuration(version),
            )
            router.add_get(f"/{{tenant}}/discovery{middle}/keys", self._on_keys)
            consented = self._page(_admin_consent(version))
            router.add_get(f"/{{tenant}}{middle}/adminconsent", consented)
            router.add_post(f"/{{tenant}}{middle}/adminconsent", consented)
        authorized = self._page(_authorize)
        for router_add in (router.add_get, router.add_post):
            router_add("/{tenant}/oauth2/v2.0/authorize", authorized)
            router_add("/{tenant}/oauth2/v2.0/logout", self._on_logout)
            router_add("/devicelogin", self._on_device_page)
            router_add("/{tenant}/oauth2/deviceauth", self._on_device_page)
        router.add_route("*", "/{tenant}/oauth2/v2.0/token", self._post(_token))
        router.add_route("*", "/{tenant}/oauth2/v2.0/devicecode", self._post(_devicecode))

    def _configuration(self, version: int) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            key = request.match_info["tenant"]
            tenant = self.realm.find(key)
            if tenant is None and key not in authority.COMMON:
                return self._refusal(request, authority.unknown(key, "invalid_tenant"), None)
            known = key if tenant is None else tenant.id
            shown = authority.configuration(self.realm.site.base, known, version=version)
            return await self._told(request, tenant, shown)

        return answer

    async def _on_keys(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["tenant"]
        tenant = self.realm.find(key)
        if tenant is None and key not in authority.COMMON:
            return self._refusal(request, authority.unknown(key, "invalid_tenant"), None)
        issuer = "{tenantid}" if tenant is None else tenant.id
        shown = self.realm.keyring.public(f"{self.realm.site.base}/{issuer}/v2.0")
        return await self._told(request, tenant, shown)

    async def _told(
        self, request: web.Request, tenant: Tenant | None, shown: Json
    ) -> web.StreamResponse:
        """A document that anyone may read; a tenant's own weather may be against it."""

        async def work() -> web.StreamResponse:
            return answers.as_json(200, shown)

        return await work() if tenant is None else await self.weathered(request, tenant, work)

    def _post(self, answer: Callable[[Tenant, Form], Json]) -> Handler:
        """An endpoint that takes a form and gives JSON."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                if request.method != "POST":
                    raise refusal(900561, accepted="POST", given=request.method)
                form = await answers.form(request) | answers.basic(request)
                tenant = authority.resolve(self.realm, request.match_info["tenant"], form)
            except SigninError as error:
                return self._refusal(request, error, None)

            async def work() -> web.StreamResponse:
                held = _held_back(tenant)
                if held is not None:
                    return held
                try:
                    return _json(request, 200, answer(tenant, form))
                except SigninError as error:
                    return self._refusal(request, error, tenant)

            return await self.weathered(request, tenant, work)

        return handle

    def _page(self, answer: Callable[[Tenant, Form, bool], Shown]) -> Handler:
        """An endpoint that a browser visits; its form goes to the same address."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                form = await _visited(request)
                tenant = authority.resolve(self.realm, request.match_info["tenant"], form)
            except SigninError as error:
                return self._refusal(request, error, None)

            async def work() -> web.StreamResponse:
                return _html(answer(tenant, form, request.method == "POST"))

            return await self.weathered(request, tenant, work)

        return handle

    async def _on_device_page(self, request: web.Request) -> web.StreamResponse:
        try:
            form = await _visited(request)
        except SigninError as error:
            return self._refusal(request, error, None)
        tenant = device.find(self.realm, form.get("otc", ""))

        async def work() -> web.StreamResponse:
            return _html(device.show(tenant, form))

        return await work() if tenant is None else await self.weathered(request, tenant, work)

    async def _on_logout(self, request: web.Request) -> web.StreamResponse:
        try:
            form = await _visited(request)
        except SigninError as error:
            return self._refusal(request, error, None)
        return _html(signin.logout(self.realm.find(request.match_info["tenant"]), form))

    def _refusal(
        self, request: web.Request, error: SigninError, tenant: Tenant | None
    ) -> web.StreamResponse:
        clock = self.clock if tenant is None else tenant.clock
        shown = signin_error(error, clock.now(), _correlation(request))
        return _json(request, error.status, shown)


def _authorize(tenant: Tenant, form: Form, posted: bool) -> Shown:
    return signin.choose(tenant, form) if posted else signin.show(tenant, form)


def _admin_consent(version: int) -> Callable[[Tenant, Form, bool], Shown]:
    def answer(tenant: Tenant, form: Form, posted: bool) -> Shown:
        act = admin_consent.decide if posted else admin_consent.show
        return act(tenant, form, version=version)

    return answer


def _token(tenant: Tenant, form: Form) -> Json:
    return grants.token(tenant, form)


def _devicecode(tenant: Tenant, form: Form) -> Json:
    return device.begin(tenant, form)


def _held_back(tenant: Tenant) -> web.StreamResponse | None:
    """429, as long as there is a throttle: in plain text, as others were given it."""
    throttle = tenant.signin.throttle
    if throttle is None or throttle.times <= 0:
        return None
    throttle.times -= 1
    wait = throttle.retry_after
    headers = {} if wait is None else {"Retry-After": seconds(wait)}
    if throttle.as_json:
        error = refusal(90055)
        return answers.as_json(error.status, signin_error(error, tenant.clock.now()), headers)
    return web.Response(status=429, text="Too Many Requests", headers=headers)


async def _visited(request: web.Request) -> Form:
    """What a browser brings: the query of the page and the form on it."""
    query = {name: value for name, value in request.query.items() if name != _TICKED}
    return query | await answers.form(request)


def _correlation(request: web.Request) -> str:
    try:
        return str(UUID(answers.client_id(request)))
    except ValueError:
        return ""


def _json(request: web.Request, status: int, body: Json) -> web.StreamResponse:
    headers = {"x-ms-request-id": str(uuid4()), **_NOT_STORED}
    correlation = _correlation(request)
    if correlation:
        headers["client-request-id"] = correlation
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )


def _html(shown: Shown) -> web.StreamResponse:
    headers = {"X-Frame-Options": "DENY", **_NOT_STORED}
    if shown.location:
        headers["Location"] = shown.location
    return web.Response(
        status=shown.status, text=shown.html, content_type="text/html", headers=headers
    )
