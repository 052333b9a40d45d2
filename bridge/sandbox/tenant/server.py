"""The tenant as an HTTP server: sign-in, Graph and the control interface at one address.

    request ─ away? fault? ─> sign-in | Graph | control ─> answer ─ dropped after all?

Every task belongs to one TaskGroup that lives as long as the server.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Self

import aiohttp
from aiohttp import web

from bridge.sandbox.tenant import answers
from bridge.sandbox.tenant.clock import TenantClock
from bridge.sandbox.tenant.control import Control
from bridge.sandbox.tenant.crowd.traffic import Traffic
from bridge.sandbox.tenant.errors import (
    GraphError,
    graph_error,
)
from bridge.sandbox.tenant.exchange import Observer, exchanged
from bridge.sandbox.tenant.files import transfer
from bridge.sandbox.tenant.graph import Graph, Request
from bridge.sandbox.tenant.handshake import Handshake
from bridge.sandbox.tenant.lifecycle import Watch
from bridge.sandbox.tenant.notify import Notifier
from bridge.sandbox.tenant.people.vigil import Vigil
from bridge.sandbox.tenant.rounds import Rounds
from bridge.sandbox.tenant.script import Script
from bridge.sandbox.tenant.signin_routes import SigninRoutes
from bridge.sandbox.tenant.subscriptions import Subscriptions
from bridge.sandbox.tenant.tenant import Realm, Site, Tenant
from bridge.sandbox.tenant.tokens import Keyring
from bridge.sandbox.tenant.weather import Away, Fault, FaultKind
from bridge.sandbox.tenant.wire import REQUEST_BYTES_MAX

CONNECTIONS_MAX = 64
"""Connections to subscribers."""
_REST = "{rest:(?s:.*)}"
"""Any path, a line feed in it included."""
SHUTDOWN_TIMEOUT = 2.0
"""Seconds that open requests get when the server stops."""

Work = Callable[[], Awaitable[web.StreamResponse]]


class TenantServer:
    """One server with any number of independent tenants; use it as an async context manager."""

    def __init__(
        self,
        *,
        callback_ssl: ssl.SSLContext | None = None,
        keyring: Keyring | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`callback_ssl` is what subscribers' certificates are checked with.

        `observer` is shown every request to Graph together with its answer.
        """
        self._observer = observer
        self._clock = TenantClock()
        self._callback_ssl = callback_ssl
        self.realm = Realm(Site(), keyring or Keyring(self._clock.now))
        self._notifiers: dict[str, Notifier] = {}
        self._rounds: dict[str, list[Rounds]] = {}
        self._stop = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None

    @property
    def base(self) -> str:
        """Where sign-in and Graph are: `https://host:port`."""
        return self.realm.site.base

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, ssl_context: ssl.SSLContext | None = None
    ) -> str:
        """Listen; returns the base address.

        Raises:
            OSError: The address is taken.
        """
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[str] = loop.create_future()
        # The one task that is nobody's child: it owns all others, and `stop` waits for it.
        self._owner = loop.create_task(self._run(host, port, ssl_context, ready))
        self._owner.add_done_callback(lambda task: _fail(ready, task))
        return await ready

    async def stop(self) -> None:
        """Stop listening and end every task; safe to call twice."""
        self._stop.set()
        if self._owner is not None:
            await self._owner
            self._owner = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _run(
        self,
        host: str,
        port: int,
        ssl_context: ssl.SSLContext | None,
        ready: asyncio.Future[str],
    ) -> None:
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS_MAX, ssl=True if self._callback_ssl is None else self._callback_ssl
        )
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            asyncio.TaskGroup() as tasks,
        ):
            self.realm.opened.append(lambda tenant: self._open(tenant, session, tasks))
            self.realm.closed.append(self._close)
            runner = web.AppRunner(
                self._application(session),
                access_log=None,
                shutdown_timeout=SHUTDOWN_TIMEOUT,
            )
            await runner.setup()
            try:
                site = web.TCPSite(runner, host, port, ssl_context=ssl_context)
                await site.start()
                bound = runner.addresses[0][1]
                scheme = "http" if ssl_context is None else "https"
                self.realm.site.base = f"{scheme}://{host}:{bound}"
                for tenant in self.realm.tenants.values():
                    self._open(tenant, session, tasks)
                ready.set_result(self.base)
                await self._stop.wait()
            finally:
                await runner.cleanup()
                for tenant in list(self.realm.tenants.values()):
                    self._close(tenant)

    def _open(
        self, tenant: Tenant, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup
    ) -> None:
        notifier = Notifier(tenant, session, tasks)
        self._notifiers[tenant.id] = notifier
        tenant.listeners.append(notifier.take)
        watch, vigil = Watch(tenant, notifier), Vigil(tenant)
        tenant.wakers += [notifier.wake, watch.wake, vigil.wake]
        tenant.traffic = Traffic(tenant)
        tenant.script = Script(tenant, self._control.answer)
        self._rounds[tenant.id] = [watch, vigil, tenant.traffic, tenant.script]
        for each in self._rounds[tenant.id]:
            tasks.create_task(each.run())

    def _close(self, tenant: Tenant) -> None:
        self._notifiers.pop(tenant.id).close()
        for each in self._rounds.pop(tenant.id):
            each.close()
        tenant.files.close()

    def _application(self, session: aiohttp.ClientSession) -> web.Application:
        self._graph = Graph(self.realm, Subscriptions(Handshake(session)))
        self._control = Control(self.realm, self._notifiers)
        app = web.Application(client_max_size=answers.CONTROL_BYTES_MAX)
        app.router.add_route("*", f"/v1.0/{_REST}", self._on_observed)
        app.router.add_route("*", f"/_control/{_REST}", self._on_control)
        app.router.add_route("*", f"/_files/{{tenant}}/{_REST}", self._on_files)
        SigninRoutes(realm=self.realm, clock=self._clock, weathered=self._weathered).register(
            app.router
        )
        return app

    async def _on_observed(self, request: web.Request) -> web.StreamResponse:
        response = await self._on_graph(request)
        if self._observer is not None:
            self._observer(await exchanged(request, response))
        return response

    async def _on_graph(self, request: web.Request) -> web.StreamResponse:
        now = self._clock.now
        try:
            upload = answers.is_upload(request)
            body = b"" if upload else await answers.read(request, most=REQUEST_BYTES_MAX)
            tenant, bearer = self._graph.bearer(request.headers.get("Authorization", ""))
            now = tenant.clock.now
        except GraphError as error:
            return answers.graph_refusal(
                request, error, graph_error(error, now(), answers.client_id(request))
            )

        async def work() -> web.StreamResponse:
            asked = Request(
                method=request.method,
                raw_path=request.rel_url.raw_path.removeprefix("/v1.0"),
                query=dict(request.query),
                authorization=request.headers.get("Authorization", ""),
                prefer=request.headers.get("Prefer", ""),
                body=body,
                headers={name.lower(): value for name, value in request.headers.items()},
                stream=request.content if upload else None,
            )
            try:
                return answers.reply(request, await self._graph.answer(tenant, bearer, asked))
            except GraphError as error:
                shown = graph_error(error, tenant.clock.now(), answers.client_id(request))
                return answers.graph_refusal(request, error, shown)

        return await self._weathered(request, tenant, work)

    async def _on_files(self, request: web.Request) -> web.StreamResponse:
        """Uploads and downloads; Microsoft's are on other hosts than Graph."""
        tenant = self.realm.find(request.match_info["tenant"])
        if tenant is None:
            return web.Response(status=404)
        return await self._weathered(request, tenant, lambda: transfer.answer(tenant, request))

    async def _on_control(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path.removeprefix("/_control")
        try:
            body = await answers.read(request, most=answers.CONTROL_BYTES_MAX)
            reply = await self._control.answer(request.method, path, dict(request.query), body)
        except GraphError as error:
            shown = graph_error(error, self._clock.now(), "")
            return answers.graph_refusal(request, error, shown)
        return answers.reply(request, reply)

    async def _weathered(
        self, request: web.Request, tenant: Tenant, work: Work
    ) -> web.StreamResponse:
        """Do the work, unless the weather of the tenant is against it."""
        if tenant.weather.away is Away.DROP:
            return answers.dropped(request)
        if tenant.weather.away is Away.UNAVAILABLE:
            return answers.faulty(request, tenant, Fault(path=""))
        fault = tenant.weather.strike(request.method, request.path)
        match None if fault is None else fault.kind:
            case FaultKind.DROP_BEFORE:
                response = answers.dropped(request)
            case FaultKind.ANSWER if fault is not None:
                response = answers.faulty(request, tenant, fault)
            case FaultKind.DROP_AFTER:
                await work()
                response = answers.dropped(request)
            case FaultKind.ANSWER_AFTER if fault is not None:
                await work()
                response = answers.faulty(request, tenant, fault)
            case FaultKind.HANG if fault is not None:
                await tenant.clock.sleep(fault.hold)
                response = answers.dropped(request)
            case FaultKind.SLOW if fault is not None:
                response = await work()
                await tenant.clock.sleep(fault.hold)
            case _:
                response = await work()
        tenant.requests.append(
            {
                "method": request.method,
                "path": request.path,
                "status": response.status,
                "fault": None if fault is None else fault.kind.value,
            }
        )
        return response


def _fail(ready: asyncio.Future[str], task: asyncio.Task[None]) -> None:
    """Tell whoever waits in `start` that there will be no server."""
    if not ready.done():
        error = None if task.cancelled() else task.exception()
        ready.set_exception(error or OSError("the server ended before it listened"))
