"""Addresses that need no token: the ones for downloading a file, and for the pieces of an upload.

They lie beside Graph, as Microsoft's lie on other hosts, and carry what opens them in `tempauth`,
which is not to be logged. A download's ticket is good for some minutes, by the tenant's clock.

Sources: learn.microsoft.com graph/api driveitem-get-content ("preauthenticated", "short period of
time"), driveitem-createuploadsession; the form of the addresses is SharePoint's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote, urlencode
from uuid import UUID

from bridge.sandbox.tenant.clock import milliseconds
from bridge.sandbox.tenant.errors import GraphError
from bridge.sandbox.tenant.files.library import Item, Session, no_item
from bridge.sandbox.tenant.tenant import Tenant

DOWNLOAD = "/_layouts/15/download.aspx"
UPLOAD = "/_api/v2.0/uploadSession"
_SEAL_CHARS = 40


def download_url(tenant: Tenant, item: Item) -> str:
    """`@microsoft.graph.downloadUrl`; another one every time, as its end moves on."""
    lasts = timedelta(minutes=tenant.settings.download_url_minutes)
    until = str(milliseconds(tenant.clock.now() + lasts))
    query = {
        "UniqueId": str(item.guid),
        "Translate": "false",
        "tempauth": f"v1.{until}.{_seal(tenant, item, until)}",
        "ApiVersion": "2.0",
    }
    place = quote(f"{item.drive.site.path}{DOWNLOAD}")
    return f"{tenant.site.base}/_files/{tenant.id}{place}?{urlencode(query)}"


def upload_url(tenant: Tenant, session: Session) -> str:
    query = {"guid": f"'{session.item}'", "overwrite": "True", "tempauth": session.id}
    place = quote(f"{session.parent.drive.site.path}{UPLOAD}")
    return f"{tenant.site.base}/_files/{tenant.id}{place}?{urlencode(query)}"


def opened(tenant: Tenant, query: Mapping[str, str]) -> Item:
    """The file that a download address is for.

    Raises:
        GraphError: 401 for a ticket that is over or none of ours, 404 for a file that is gone.
    """
    item = _item(tenant, query.get("UniqueId", ""))
    version, _, rest = query.get("tempauth", "").partition(".")
    until, _, seal = rest.partition(".")
    if item is None or item.is_folder:
        raise no_item()
    good = rest.isascii() and hmac.compare_digest(seal, _seal(tenant, item, until))
    now = milliseconds(tenant.clock.now())
    if version != "v1" or not good or not until.isdecimal() or int(until) <= now:
        raise GraphError(401, "unauthenticated", "The caller is not authenticated.")
    return item


def _item(tenant: Tenant, text: str) -> Item | None:
    try:
        return tenant.files.by_guid.get(UUID(text))
    except ValueError:
        return None


def _seal(tenant: Tenant, item: Item, until: str) -> str:
    key = hashlib.sha256(f"tickets of {tenant.id}".encode()).digest()
    text = f"{item.drive.id} {item.guid} {until}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_SEAL_CHARS]
