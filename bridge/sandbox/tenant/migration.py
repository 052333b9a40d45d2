"""Import mode: one app puts old messages into a chat or channel, which is closed meanwhile.

    startMigration ─> POST messages with `createdDateTime` and `from` ─> completeMigration

The app that starts an import is the only one that may go on with it and complete it. Everything
live is refused by `importing.py`. Completed imports can be started again.

Sources: learn.microsoft.com graph/api chat-startmigration, chat-completemigration,
channel-startmigration, channel-completemigration, team-completemigration; microsoftteams/platform
import-external-messages-to-teams; what the service said to others: msteams-docs issues 13317 (team
before channels), 13475 (before the thread's creation), 14151 (another app).
"""

from __future__ import annotations

from datetime import datetime

from bridge.sandbox.tenant import compose, conversation, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import from_milliseconds, milliseconds
from bridge.sandbox.tenant.compose import Draft
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, forbidden
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import (
    Channel,
    Chat,
    ChatKind,
    Message,
    Migration,
    Reaction,
    Team,
    User,
)

MIGRATE = Needs(application=("Teamwork.Migrate.All",))
REACTIONS_MAX = 100
"""Reactions that one imported message may bring; our own bound."""
REACTION_MAX = 32
"""Characters of a reaction type; an emoji may be a long sequence."""
_START = {"conversationCreationDateTime"}
_FILE = "reference"
"""The one kind of attachment that can be imported: a link to a file that is there already."""
_TAKEN_APART = ("createdDateTime", "from", "reactions")


async def start(call: Call) -> Reply:
    place = call.conversation()
    body = call.body() if call.raw else {}
    wire.only_known(body, _START, "startMigration")
    text = wire.optional_text(body, "conversationCreationDateTime")
    created = None if text is None else wire.parse_instant(text, "conversationCreationDateTime")
    begin(call.tenant, place, call.app.id, created)
    return Reply(status=204)


async def complete(call: Call) -> Reply:
    place = call.conversation()
    end(place, call.app.id)
    return Reply(status=204)


async def complete_team(call: Call) -> Reply:
    """Of a team that was created for an import, once all its channels are completed."""
    team = call.tenant.team(call.ids["team"])
    _session(team)
    if any(c.migration is not None and c.migration.in_progress for c in team.channels.values()):
        raise bad_request("All channels must be finalized before team.")
    end(team, call.app.id)
    return Reply(status=204)


def begin(
    tenant: Tenant, place: Chat | Channel | Team, app_id: str, created: datetime | None
) -> None:
    """Put the place into import mode; `created` moves its creation back.

    Raises:
        GraphError: 400, it is in import mode already, is a meeting's chat, or is older.
    """
    now = tenant.clock.now()
    if place.migration is not None and place.migration.in_progress:
        raise bad_request("The thread is already in migration mode.")
    if isinstance(place, Chat) and place.kind is ChatKind.MEETING:
        raise bad_request("Migration mode is not supported for meeting chats.")
    if created is not None and (created.year == 1 or created >= place.created):
        raise bad_request(
            "'conversationCreationDateTime' must be older than the current createdDateTime."
        )
    earlier = place.migration
    original = place.created if earlier is None else earlier.original_created
    place.created = created or place.created
    # Without an instant of its own the import begins now, as the documentation says: nothing from
    # before can be imported then.
    place.migration = Migration(app=app_id, since=created or now, original_created=original)


def end(place: Chat | Channel | Team, app_id: str) -> None:
    """End an import.

    Raises:
        GraphError: 400, there is none, or it is another app's.
    """
    session = _session(place)
    if session.app != app_id:
        # Spelt as the service spells it.
        raise bad_request("Request Initiator does not match the import session intiator.")
    session.in_progress = False


def import_message(call: Call, refusal: GraphError) -> tuple[Chat | Channel, Message]:
    """Take in a message from the past, or a reply, and say where it stands now.

    `refusal` is the answer to an app that posts outside of import mode, or may not import.

    Raises:
        GraphError: 409, there is a message of that instant; 403, it is older than the place.
    """
    if call.bearer.granted.isdisjoint(MIGRATE.application):
        raise refusal
    place = call.conversation()
    session = place.migration
    if session is None or not session.in_progress:
        raise refusal
    if session.app != call.app.id:
        raise bad_request(
            "InvalidRequestProperties-Only 1 application is allowed to operate within an import "
            "session. Please check the import operation initiator/ImportMetadata.ImportedBy."
        )
    root = call.message(place) if "message" in call.ids else None
    body = call.body()
    number = _number(call, place, session, body)
    sender = _sender(call.tenant, body)
    draft = _draft(call.tenant, body)
    reply_to = None if root is None else root.id
    content, hosted = compose.finish(call.tenant, draft, place.path_of(number, reply_to))
    reactions = _reactions(call.tenant, body, number)
    spot = conversation.Spot(number=number, reply_to=reply_to)
    message = conversation.post(call.tenant, place, sender, content, hosted, spot)
    message.reactions += reactions
    # What is said after the import must not be given the number of an imported message.
    place.last_id = max(place.last_id, number)
    return place, message


def _session(place: Chat | Channel | Team) -> Migration:
    if place.migration is None or not place.migration.in_progress:
        raise bad_request("The thread is not in migration mode.")
    return place.migration


def _number(call: Call, place: Chat | Channel, session: Migration, body: Json) -> int:
    """The message's creation in milliseconds, which is its id; finer fractions are cut off."""
    text = wire.required_text(body, "createdDateTime")
    instant = wire.parse_instant(text, "createdDateTime")
    if instant > call.tenant.clock.now():
        raise bad_request("'createdDateTime' cannot be in the future.")
    if instant <= session.since:
        raise forbidden("'createdDateTime' must be later than the creation of the thread.")
    number = milliseconds(instant)
    if str(number) in place.messages:
        raise GraphError(409, "Conflict", "A message with this createdDateTime already exists.")
    return number


def _sender(tenant: Tenant, body: Json) -> User:
    sender = wire.as_object(body.get("from"), "from")
    user = wire.as_object(sender.get("user"), "from.user")
    return _person(tenant, user)


def _person(tenant: Tenant, user: Json) -> User:
    kind = wire.optional_text(user, "userIdentityType") or "aadUser"
    found = tenant.users.get(wire.required_text(user, "id"))
    if found is None or kind != "aadUser" or user.get("tenantId") not in (None, tenant.id):
        raise bad_request("Messages can be imported for users of this tenant only.")
    return found


def _draft(tenant: Tenant, body: Json) -> Draft:
    """What it says: text, links, images, files that are there; no mentions, quotes or cards."""
    rest = {name: value for name, value in body.items() if name not in _TAKEN_APART}
    draft = compose.read(tenant, rest)
    if draft.mentions:
        raise bad_request("Mentions cannot be imported.")
    if any(item["contentType"] != _FILE for item in draft.attachments):
        raise bad_request("Attachments other than links to existing files cannot be imported.")
    return draft


def _reactions(tenant: Tenant, body: Json, number: int) -> list[Reaction]:
    given = wire.objects(body, "reactions")
    if len(given) > REACTIONS_MAX:
        raise bad_request("Too many reactions.")
    found: list[Reaction] = []
    for item in given:
        identity = wire.as_object(item.get("user"), "reactions.user")
        person = _person(tenant, wire.as_object(identity.get("user"), "reactions.user.user"))
        text = wire.optional_text(item, "createdDateTime")
        at = from_milliseconds(number)
        at = at if text is None else wire.parse_instant(text, "createdDateTime")
        kind = wire.required_text(item, "reactionType")
        if len(kind) > REACTION_MAX:
            raise bad_request("Invalid reaction type.")
        found.append(Reaction(kind=kind, user=person, at=at))
    return found


_CHANNEL = "/teams/{team}/channels/{channel}"
ROUTES = [
    route("POST /chats/{chat}/startMigration", MIGRATE, start),
    route("POST /chats/{chat}/completeMigration", MIGRATE, complete),
    route(f"POST {_CHANNEL}/startMigration", MIGRATE, start),
    route(f"POST {_CHANNEL}/completeMigration", MIGRATE, complete),
    route("POST /teams/{team}/completeMigration", MIGRATE, complete_team),
]
