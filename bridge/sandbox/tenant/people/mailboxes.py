"""Of a mailbox, the time zone: all that is played of its settings.

Source: learn.microsoft.com graph/api user-get-mailboxsettings (a single setting comes as `value`).
"""

from __future__ import annotations

from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError
from bridge.sandbox.tenant.people import needs
from bridge.sandbox.tenant.routes import route

TIME_ZONE = "UTC"
"""Of a mailbox that nobody has set up."""


async def get_time_zone(call: Call) -> Reply:
    user = call.tenant.user(call.ids["user"])
    if call.user not in (None, user):
        raise GraphError(
            403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."
        )
    zone = call.tenant.directory.time_zones.get(user.id, TIME_ZONE)
    context = call.context(f"users('{user.id}')/mailboxSettings/timeZone")
    return Reply(body={"@odata.context": context, "value": zone})


ROUTES = [route("GET /users/{user}/mailboxSettings/timeZone", needs.TIME_ZONE, get_time_zone)]
