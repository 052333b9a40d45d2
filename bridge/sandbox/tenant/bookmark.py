"""Places in a listing that a client carries for us, sealed, so that nothing need be kept here.

A bookmark says what it is good for; one that was altered, or that belongs to another listing, is
refused like any other flaw of a request.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import orjson

from bridge.sandbox.tenant.call import Call
from bridge.sandbox.tenant.errors import GraphError, bad_request

SEAL_CHARS = 32
TOKEN_MAX = 4096
"""Characters of a token."""

Value = int | str


def seal(call: Call, purpose: str, values: list[Value]) -> str:
    """A token that stands for these values in this listing."""
    text = base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")
    return f"{text}.{_mac(call, purpose, text)}"


def unseal(call: Call, purpose: str, token: str, like: list[type]) -> list[Value]:
    """The values behind a token, which have the types `like`.

    Raises:
        GraphError: 400, it is none of ours or not for this listing.
    """
    text, _, mac = token.partition(".")
    good = len(token) <= TOKEN_MAX and token.isascii()
    if not good or not hmac.compare_digest(mac, _mac(call, purpose, text)):
        raise _bad_token()
    try:
        values = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise _bad_token() from None
    if not isinstance(values, list) or [type(value) for value in values] != like:
        raise _bad_token()
    return values


def link(call: Call, options: Mapping[str, str]) -> str:
    """The address of this listing with these options and no others."""
    return f"{call.graph}{call.path}?{urlencode(options, safe='$', quote_via=quote)}"


def _mac(call: Call, purpose: str, text: str) -> str:
    key = hashlib.sha256(f"bookmarks of {call.tenant.id}".encode()).digest()
    listing = f"{purpose} {sorted(call.ids.items())} {text}"
    return hmac.new(key, listing.encode(), hashlib.sha256).hexdigest()[:SEAL_CHARS]


def _bad_token() -> GraphError:
    return bad_request("Badly formed token.")
