"""Between aiohttp and the tenant: reading requests, writing answers, breaking connections."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qsl, unquote

import orjson
from aiohttp import web

from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import (
    JSON_TYPE,
    GraphError,
    Json,
    SigninError,
    graph_error,
    unwell,
)
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.weather import Fault

FORM_FIELDS_MAX = 100
FORM_BYTES_MAX = 256 * 1024
CONTROL_BYTES_MAX = 64 * 1024 * 1024
"""A burst of messages in one control request."""


def is_upload(request: web.Request) -> bool:
    """Whether the body is a file's content, which may be larger than any other request."""
    return request.method == "PUT" and request.path.casefold().endswith("/content")


async def read(request: web.Request, *, most: int) -> bytes:
    """The request's body, if it has no more than `most` bytes.

    Raises:
        GraphError: 413, it has more.
    """
    try:
        if (request.content_length or 0) <= most:
            raw = await request.read()
            if len(raw) <= most:
                return raw
    except web.HTTPRequestEntityTooLarge:
        pass
    raise GraphError(413, "RequestEntityTooLarge", f"The request is larger than {most} bytes.")


async def form(request: web.Request) -> dict[str, str]:
    try:
        text = (await read(request, most=FORM_BYTES_MAX)).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX))
    except (ValueError, GraphError):
        raise SigninError(
            "invalid_request", 9002313, "Invalid request. Request is malformed or invalid."
        ) from None


def basic(request: web.Request) -> dict[str, str]:
    """Client id and secret from an `Authorization: Basic` header."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() != "basic":
        return {}
    try:
        client, _, secret = base64.b64decode(value).decode().partition(":")
    except (ValueError, binascii.Error):
        return {}
    return {"client_id": unquote(client), "client_secret": unquote(secret)}


def client_id(request: web.Request) -> str:
    return request.headers.get("client-request-id", "")


def reply(request: web.Request, reply: Reply) -> web.StreamResponse:
    headers = {**reply.headers}
    if client_id(request):
        headers["client-request-id"] = client_id(request)
    if reply.raw is not None:
        headers["Content-Type"] = reply.content_type
        return web.Response(status=reply.status, body=reply.raw, headers=headers)
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    return as_json(reply.status, reply.body, headers)


def as_json(status: int, body: Json, headers: dict[str, str] | None = None) -> web.StreamResponse:
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        headers={"Content-Type": JSON_TYPE, **(headers or {})},
    )


def graph_refusal(request: web.Request, error: GraphError, shown: Json) -> web.StreamResponse:
    headers = dict(error.headers)
    if client_id(request):
        headers["client-request-id"] = client_id(request)
    return as_json(error.status, shown, headers)


def faulty(request: web.Request, tenant: Tenant, fault: Fault) -> web.StreamResponse:
    error = unwell(fault.status, fault.retry_after)
    shown = graph_error(error, tenant.clock.now(), client_id(request))
    return graph_refusal(request, error, shown)


def dropped(request: web.Request) -> web.StreamResponse:
    """Break the connection; the response is never written."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)
