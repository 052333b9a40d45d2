"""`python -m bridge.sandbox.tenant`: the simulated tenant as a process of its own.

Prints one line of JSON with its address once it listens; ends on SIGTERM and SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
import sys
from pathlib import Path

import orjson

from bridge.sandbox.tenant.exchange import recording
from bridge.sandbox.tenant.server import TenantServer


def main() -> None:
    options = _options()
    asyncio.run(_serve(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bridge.sandbox.tenant", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--cert", help="certificate of this server, PEM")
    parser.add_argument("--key", help="key of that certificate, PEM")
    parser.add_argument("--ca", help="certificates to trust when calling subscribers, PEM")
    parser.add_argument("--tenant", action="append", default=[], help="create a tenant of this id")
    parser.add_argument(
        "--exchanges", type=Path, help="write every request to Graph and its answer to this file"
    )
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    callback_ssl = ssl.create_default_context(cafile=options.ca) if options.ca else None
    with recording(options.exchanges) as observer:
        async with TenantServer(callback_ssl=callback_ssl, observer=observer) as server:
            await _run(server, options, stop)


async def _run(server: TenantServer, options: argparse.Namespace, stop: asyncio.Event) -> None:
    for tenant_id in options.tenant:
        server.realm.create(tenant_id=tenant_id)
    base = await server.start(
        options.host, options.port, ssl_context=_server_ssl(options.cert, options.key)
    )
    sys.stdout.write(orjson.dumps({"base": base}).decode() + "\n")
    sys.stdout.flush()
    await stop.wait()


def _server_ssl(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


if __name__ == "__main__":
    main()
