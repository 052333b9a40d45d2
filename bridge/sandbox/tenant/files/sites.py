"""SharePoint's sites, as far as a client of Teams meets them, and the folders of channels.

Sources: learn.microsoft.com graph/api site-get, site-getbypath, channel-get-filesfolder.
"""

from __future__ import annotations

from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.files import access, drives, needs, places, shown
from bridge.sandbox.tenant.files.access import Right
from bridge.sandbox.tenant.routes import Route, route


async def get_site(call: Call) -> Reply:
    found = places.site(call)
    access.check(call, places.drive_of(call, found).root, Right.READ)
    return Reply(body={"@odata.context": call.context("sites/$entity"), **shown.site(found)})


async def get_files_folder(call: Call) -> Reply:
    """Where the files of a channel are; it is made when it is first asked for."""
    return drives.entity(call, places.channel_folder(call))


ROUTES: list[Route] = [
    route("GET /sites/{site}", needs.SITE, get_site),
    route("GET /sites/{site}:/{path}", needs.SITE, get_site),
    route(
        "GET /teams/{team}/channels/{channel}/filesFolder",
        needs.CHANNEL_FOLDER,
        get_files_folder,
    ),
]
