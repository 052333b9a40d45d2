"""The endpoint against a scripted Graph: what is ignored and why, who is named, what is retried."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest

from bridge.domain.content import (
    Body,
    Mention,
    Paragraph,
    Target,
    TargetKind,
    Text,
    from_text,
    plain_text,
)
from bridge.domain.events import (
    MessageDeleted,
    MessageSent,
    Person,
    PersonKind,
    Reaction,
    ReactionAdded,
    ReactionRemoved,
    Sighting,
)
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    MessageRef,
    Place,
    PortalId,
    Side,
    TeamsUserId,
    TenantId,
    Version,
)
from bridge.domain.portal import Portal
from bridge.errors import NotCopied, Rejected, Throttled, Uncertain
from bridge.ports import ConversationNews, Delivery, Entry, Far, FarPart, Reading, Stream
from bridge.teams import identities
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.auth import Auth
from bridge.teams.certificates import Keyring
from bridge.teams.directory import Directory
from bridge.teams.drives import Drives
from bridge.teams.enclosing import Encloser
from bridge.teams.endpoint import TeamsEndpoint
from bridge.teams.graph import Graph, Json
from bridge.teams.history import Historian
from bridge.teams.hosts import Hosts
from bridge.teams.notifications import entry_of
from bridge.teams.reading import Reader
from bridge.teams.snippets import Snippets
from bridge.teams.tokens import TokenChecker
from bridge.telemetry import Watch
from tests.kit.fake_granted import FakeGrantedBook
from tests.kit.fake_media import FakeRoomMedia
from tests.unit.teams.memory import (
    NOW,
    TENANT,
    Bearer,
    Links,
    OwnClock,
    Subscriptions,
    teams_config,
)
from tests.unit.teams.test_payloads import MESSAGE

CHAT = "19:c@thread.v2"
PLACE = Place(tenant=TenantId(TENANT), conversation=ConversationId(CHAT))
ALICE = "8ea0e38b-efb3-4757-924a-5f94061cf8c2"


@dataclass
class Script:
    """Graph: a path's beginning with what it answers; an error is raised instead."""

    answers: dict[str, object] = field(default_factory=dict)
    calls: list[tuple[str, str, object]] = field(default_factory=list)

    async def request(self, method: str, path: str, **more: object) -> Json:
        self.calls.append((method, path, more.get("body")))
        answer = self.answers[next(known for known in self.answers if path.startswith(known))]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return cast(Json, answer)


async def agreed() -> None:
    """Nobody has taken over."""


class NoAuth:
    """Whose tokens nobody looks at."""

    def for_app(self) -> Bearer:
        return Bearer()

    def for_person(self, person: TeamsUserId) -> Bearer:
        return Bearer(everyone=False)


@dataclass
class World:
    script: Script
    clock: OwnClock
    endpoint: TeamsEndpoint

    async def read(self, **message: object) -> Reading:
        self.script.answers.setdefault(
            "/chats/19%3Ac%40thread.v2/messages/", {**MESSAGE, **message}
        )
        return await self.endpoint.take_in(bell())

    async def deliver(self, delivery: Delivery) -> MessageRef:
        return await self.endpoint.deliver(delivery, confirm=agreed)

    async def sighted(self, entry: Entry) -> Sighting:
        (sighting,) = (await self.endpoint.take_in(entry)).sightings
        assert isinstance(sighting, Sighting)
        return sighting

    async def reason(self, **message: object) -> str:
        (ignored,) = (await self.read(**message)).ignored
        return ignored.reason


def no_files(path: str) -> AbstractAsyncContextManager[Stream]:
    """Nothing lies in Graph."""
    raise NotCopied(path, loss="gone")


@pytest.fixture
def world() -> World:
    script, clock, books = Script(), OwnClock(), Subscriptions()
    graph, teams = cast(Graph, script), teams_config()
    reader = Reader(
        tenant=TenantId(TENANT),
        graph=graph,
        credential=Bearer(),
        keyring=Keyring(books),
        checker=cast(TokenChecker, None),
        watch=Watch(),
    )
    directory = Directory(teams, graph=graph, credential=Bearer(), clock=clock)
    endpoint = TeamsEndpoint(
        graph=graph,
        auth=cast(Auth, NoAuth()),
        directory=directory,
        reader=reader,
        historian=Historian(
            graph=graph, credential=Bearer(), clock=clock, journal=Links().as_journal()
        ),
        journal=Links().as_journal(),
        hosts=Hosts.of(teams),
        snippets=Snippets(hosts=Hosts.of(teams), open=no_files),
        encloser=Encloser(
            media=FakeRoomMedia(), drives=cast(Drives, None), journal=Links().as_journal()
        ),
        granted=FakeGrantedBook(),
    )
    return World(script, clock, endpoint)


def bell(**changes: object) -> Entry:
    item = {
        "changeType": "created",
        "tenantId": TENANT,
        "resource": f"chats('{CHAT}')/messages('1616990032035')",
        **changes,
    }
    return Links().claimed(entry_of(item, (), received_at=NOW, due=lambda _: NOW))


def delivery(body: Body) -> Delivery:
    return Delivery(
        id=DeliveryId(1),
        portal=Portal(id=PortalId(1), place=PLACE, room=None),
        target=Side.TEAMS,
        source=MessageRef("$event"),
        speaker=ALICE,
        event=MessageSent(
            author=Person(id="@alice:example.org"), version=Version(""), sent_at=NOW, body=body
        ),
        attempts=1,
        resumed=False,
        created_at=NOW,
    )


# --- what is ignored, and why -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"messageType": "typing"}, "not_a_message"),
        ({"messageType": "unknownFutureValue"}, "not_a_message"),
        ({"body": {"contentType": "html", "content": "<p> </p>"}}, "empty"),
        ({"body": None}, "empty"),
    ],
)
async def test_what_carries_nothing_is_ignored_with_its_reason(
    world: World, message: dict[str, object], reason: str
) -> None:
    assert await world.reason(**message) == reason


async def test_a_deletion_is_seen_as_graph_shows_it(world: World) -> None:
    deleted = "2021-03-29T04:00:00.000Z"
    path = "/chats/19%3Ac%40thread.v2/messages/"
    world.script.answers = {path: {**MESSAGE, "deletedDateTime": deleted, "body": {}, "from": None}}
    sighting = await world.sighted(bell(changeType="Deleted"))
    assert sighting.deleted
    assert sighting.version == MESSAGE["etag"]
    assert sighting.author == Person(id="")
    assert sighting.body == Body()


async def test_a_deletion_of_what_is_gone_is_as_new_as_its_notification(world: World) -> None:
    gone = GraphRejected("not there", status=404, code="NotFound")
    world.script.answers = {"/chats/19%3Ac%40thread.v2/messages/": gone}
    sighting = await world.sighted(bell(changeType="deleted"))
    assert sighting.deleted
    assert sighting.version == str(int(NOW.timestamp() * 1000))
    assert sighting.author == Person(id="")
    assert sighting.sent_at == datetime(2021, 3, 29, 3, 53, 52, 35000, tzinfo=UTC)
    (ignored,) = (await world.endpoint.take_in(bell())).ignored
    assert ignored.reason == "gone"


async def test_a_deletion_of_what_is_there_again_is_none(world: World) -> None:
    world.script.answers = {
        "/chats/19%3Ac%40thread.v2/messages/": {**MESSAGE, "from": {"application": {"id": "a"}}}
    }
    sighting = await world.sighted(bell(changeType="deleted"))
    assert not sighting.deleted


@pytest.mark.parametrize("ref", ["x", "9" * 18])
async def test_a_deleted_message_of_an_odd_name_was_sent_when_we_heard_of_it(
    world: World, ref: str
) -> None:
    gone = GraphRejected("not there", status=404, code="NotFound")
    world.script.answers = {"/chats/19%3Ac%40thread.v2/messages/": gone}
    entry = bell(changeType="deleted", resource=f"chats('{CHAT}')/messages('{ref}')")
    sighting = await world.sighted(entry)
    assert sighting.sent_at == NOW


async def test_a_reply_that_vanished_is_a_deletion_in_its_thread(world: World) -> None:
    gone = GraphRejected("not there", status=404, code="NotFound")
    world.script.answers = {"/teams/t/channels/c/messages/1616990032035/replies/": gone}
    resource = "teams('T')/channels('c')/messages('1616990032035')/replies('1616990032099')"
    sighting = await world.sighted(bell(changeType="deleted", resource=resource))
    assert (sighting.deleted, sighting.thread) == (True, "1616990032035")
    assert sighting.sent_at == datetime.fromtimestamp(1616990032.099, UTC)


async def test_the_tenant_of_a_place_is_written_as_in_the_configuration(world: World) -> None:
    world.script.answers = {
        "/chats/": {**MESSAGE, "from": {"user": {"id": "u", "displayName": "U"}}}
    }
    sighting = await world.sighted(bell(tenantId=TENANT.upper()))
    assert sighting.origin == PLACE


# --- names ------------------------------------------------------------------------------------


async def test_a_name_that_the_message_lacks_is_looked_up(world: World) -> None:
    world.script.answers = {
        "/chats/19%3Ac%40thread.v2/messages/": MESSAGE,
        "/chats/19%3Ac%40thread.v2?": {"members": [{"userId": ALICE, "displayName": "Alice"}]},
    }
    for _ in range(2):
        (sighting,) = (await world.read()).sightings
        assert sighting.author == Person(id=ALICE, name="Alice")
    assert len([path for _, path, _ in world.script.calls if "$expand" in path]) == 1


async def test_a_name_that_cannot_be_had_holds_nothing_up(world: World) -> None:
    world.script.answers = {
        "/chats/19%3Ac%40thread.v2/messages/": MESSAGE,
        "/chats/19%3Ac%40thread.v2?": {"members": []},
        "/users/": PermissionMissing("no", everyone=True),
    }
    for _ in range(3):
        (sighting,) = (await world.read()).sightings
        assert sighting.author.name is None
    assert len([path for _, path, _ in world.script.calls if "/messages/" not in path]) == 2


async def test_while_graph_throttles_names_are_not_asked_for_at_every_message(
    world: World,
) -> None:
    world.script.answers = {
        "/chats/19%3Ac%40thread.v2/messages/": MESSAGE,
        "/chats/": Throttled("later", retry_after=NOW - NOW),
    }
    for _ in range(3):
        assert (await world.read()).sightings
    assert len([path for _, path, _ in world.script.calls if "/messages/" not in path]) == 1


async def test_who_reacted_is_looked_up_too(world: World) -> None:
    world.script.answers = {
        "/chats/19%3Ac%40thread.v2?": {"members": [{"userId": ALICE, "displayName": "Alice"}]}
    }
    given = {"reactionType": "like", "user": {"user": {"id": ALICE, "displayName": None}}}
    (sighting,) = (await world.read(reactions=[given])).sightings
    assert isinstance(sighting, Sighting)
    assert sighting.reactions == (Reaction(person=Person(id=ALICE, name="Alice"), key="👍"),)


async def test_an_application_is_named_by_its_message_alone(world: World) -> None:
    (sighting,) = (await world.read(**{"from": {"application": {"id": "bot"}}})).sightings
    assert sighting.author == Person(id="app:bot", name=None, kind=PersonKind.BOT)
    assert len(world.script.calls) == 1


async def test_what_graph_names_no_author_of_is_said_by_somebody_unknown(world: World) -> None:
    (sighting,) = (await world.read(**{"from": None})).sightings
    assert sighting.author == identities.UNKNOWN
    assert len(world.script.calls) == 1


async def test_somebody_of_another_organisation_is_told_with_its_domain(world: World) -> None:
    other = "1f2b8c11-5f5e-4b6b-9d0c-5f0f7e9d3b7a"
    world.script.answers = {
        "/chats/19%3Ac%40thread.v2?": {
            "members": [{"userId": ALICE, "tenantId": other, "email": "a@fabrikam.example"}]
        },
    }
    who = {"user": {"id": ALICE, "displayName": "Alice", "tenantId": other}}
    for _ in range(2):
        (sighting,) = (await world.read(**{"from": who})).sightings
        assert sighting.author == Person(
            id=ALICE,
            name="Alice",
            kind=PersonKind.FEDERATED,
            home=TenantId(other),
            organisation="fabrikam.example",
        )
    assert len([path for _, path, _ in world.script.calls if "$expand" in path]) == 1


# --- deliveries -------------------------------------------------------------------------------

MENTION = Mention(target=Target(kind=TargetKind.TEAMS_USER, id="bob"), text="Bob")
MENTIONING = Body(blocks=(Paragraph(content=(Text(text="hello "), MENTION)),))


async def test_a_mention_that_teams_refuses_becomes_text(world: World) -> None:
    refused = GraphRejected("no such member", status=400, code="BadRequest")
    world.script.answers = {"/chats/": [refused, {"id": "7"}]}
    assert await world.deliver(delivery(MENTIONING)) == "7"
    bodies = [cast(Json, body) for _, _, body in world.script.calls]
    assert "mentions" in bodies[0]
    assert "mentions" not in bodies[1]
    assert "Bob" in str(bodies[1])


async def test_what_teams_refuses_without_a_mention_is_refused(world: World) -> None:
    refused = GraphRejected("bad", status=400, code="BadRequest")
    world.script.answers = {"/chats/": [refused, refused, refused]}
    with pytest.raises(Rejected, match="bad"):
        await world.deliver(delivery(from_text("hello")))
    assert len(world.script.calls) == 1
    with pytest.raises(Rejected, match="bad"):
        await world.deliver(delivery(MENTIONING))


async def test_a_message_taken_without_an_id_is_uncertain(world: World) -> None:
    world.script.answers = {"/chats/": {}}
    with pytest.raises(Uncertain):
        await world.deliver(delivery(from_text("hello")))


# --- changes ----------------------------------------------------------------------------------

NOT_ALLOWED = PermissionMissing("403 Missing scope permissions", everyone=False)
REFUSED = GraphRejected("no", status=409, code="Conflict")
ON = {"reactionType": "like", "user": {"user": {"id": ALICE.upper()}}}
FAR = Far(parts=(FarPart(part=0, ref=MessageRef("7"), origin=Side.MATRIX, author="@a:b"),))
PATH = "/chats/19%3Ac%40thread.v2/messages/7"


def change(kind: type[ReactionAdded | ReactionRemoved] | None) -> Delivery:
    common: dict[str, Any] = {
        "target": MessageRef("$event"),
        "author": Person(id="@a:b"),
        "version": Version("1"),
        "sent_at": NOW,
    }
    event = MessageDeleted(**common) if kind is None else kind(key="👍", **common)
    return replace(delivery(from_text("")), event=event, far=FAR)


@pytest.mark.parametrize(
    ("kind", "path", "shown"),
    [
        (ReactionAdded, f"{PATH}/setReaction", {**MESSAGE, "reactions": [ON]}),
        (ReactionRemoved, f"{PATH}/unsetReaction", MESSAGE),
        (ReactionRemoved, f"{PATH}/unsetReaction", GraphRejected("", status=404, code="")),
        (None, f"/users/{ALICE}{PATH}/softDelete", GraphRejected("", status=404, code="")),
        (None, f"/users/{ALICE}{PATH}/softDelete", {**MESSAGE, "deletedDateTime": "x"}),
    ],
)
async def test_what_graph_refuses_because_it_is_so_already_is_done(
    world: World, kind: type[ReactionAdded] | None, path: str, shown: object
) -> None:
    world.script.answers = {path: REFUSED, PATH: shown}
    assert await world.deliver(change(kind)) == "7"


@pytest.mark.parametrize(
    ("kind", "path", "shown", "says"),
    [
        (ReactionAdded, f"{PATH}/setReaction", MESSAGE, "as a reaction"),
        (ReactionRemoved, f"{PATH}/unset", {**MESSAGE, "reactions": [ON]}, "reaction back"),
        (None, f"/users/{ALICE}{PATH}/softDelete", MESSAGE, "only the author"),
    ],
)
async def test_what_graph_refuses_for_good_says_what_that_means(
    world: World, kind: type[ReactionAdded] | None, path: str, shown: object, says: str
) -> None:
    world.script.answers = {path: REFUSED, PATH: shown}
    with pytest.raises(Rejected, match=says):
        await world.deliver(change(kind))


async def test_who_granted_too_little_is_asked_to_sign_in_again(world: World) -> None:
    world.script.answers = {f"/users/{ALICE}{PATH}/softDelete": NOT_ALLOWED}
    with pytest.raises(Rejected, match="sign in again"):
        await world.deliver(change(None))


def test_what_says_nothing_has_no_size(world: World) -> None:
    event = change(ReactionAdded).event
    assert world.endpoint.fit(event) == (event,)


def test_what_is_small_is_not_touched(world: World) -> None:
    event = delivery(from_text("hello")).event
    assert world.endpoint.fit(event) == (event,)
    assert world.endpoint.fit(event)[0] is event


GONE = GraphRejected("", status=404, code="")

# --- marks, notices, news -----------------------------------------------------------------------


async def test_what_a_policy_blocks_counts_as_deleted_until_it_is_lifted(world: World) -> None:
    path = "/chats/19%3Ac%40thread.v2/messages/"
    blocked = {**MESSAGE, "policyViolation": {"dlpAction": "blockAccess"}}
    world.script.answers = {path: [blocked, MESSAGE], "/": {}}
    hidden = await world.sighted(bell())
    assert (hidden.deleted, hidden.body) == (True, Body())
    shown = await world.sighted(bell())
    assert not shown.deleted
    assert shown.body.blocks


async def test_a_message_with_nothing_but_a_subject_says_that(world: World) -> None:
    world.script.answers = {"/chats/19%3Ac%40thread.v2?": GONE, "/users/": GONE}
    reading = await world.read(subject="Only this", body={"content": ""})
    (sighting,) = reading.sightings
    assert isinstance(sighting, Sighting)
    assert plain_text(sighting.body) == "Only this"


async def test_an_urgent_message_of_no_words_is_nothing(world: World) -> None:
    assert await world.reason(importance="urgent", body={"content": ""}) == "empty"


async def test_an_event_is_a_notice_with_the_names_that_graph_left_out(world: World) -> None:
    members = [{"userId": ALICE, "displayName": "Alice"}, {"userId": "ben", "displayName": "Ben"}]
    world.script.answers = {"/chats/19%3Ac%40thread.v2?": {"members": members}}
    reading = await world.read(
        messageType="systemEventMessage",
        eventDetail={
            "@odata.type": "#microsoft.graph.membersAddedEventMessageDetail",
            "members": [{"id": "ben", "displayName": None}],
            "initiator": {"user": {"id": ALICE, "displayName": None}},
        },
    )
    (sighting,) = reading.sightings
    assert isinstance(sighting, Sighting)
    assert (sighting.is_notice, plain_text(sighting.body)) == (True, "Alice added Ben")
    assert sighting.author == Person(id=ALICE, name="Alice")
    assert reading.news == (ConversationNews(place=PLACE, is_told=True),)


async def test_what_a_card_loses_is_told_with_its_message(world: World) -> None:
    card = {"body": [{"type": "TextBlock", "text": "?"}], "actions": [{"type": "Action.Submit"}]}
    kind = "application/vnd.microsoft.card.adaptive"
    world.script.answers = {"/chats/19%3Ac%40thread.v2?": GONE, "/users/": GONE}
    reading = await world.read(
        attachments=[{"id": "1", "contentType": kind, "content": orjson.dumps(card).decode()}]
    )
    (sighting,) = reading.sightings
    assert isinstance(sighting, Sighting)
    assert sighting.losses == ("action_buttons",)


async def test_who_is_quoted_without_a_name_is_looked_up(world: World) -> None:
    content = {
        "originalMessageContent": "<p>hello</p>",
        "originalSentDateTime": "2024-10-02T15:02:40.458+00:00",
        "originalMessageSender": {"user": {"id": ALICE, "displayName": None}},
    }
    forward = {
        "id": "1",
        "contentType": "forwardedMessageReference",
        "content": orjson.dumps(content).decode(),
    }
    path = "/chats/19%3Ac%40thread.v2?"
    world.script.answers = {path: {"members": [{"userId": ALICE, "displayName": "Alice"}]}}
    reading = await world.read(attachments=[forward], body={"content": ""})
    (sighting,) = reading.sightings
    assert isinstance(sighting, Sighting)
    assert plain_text(sighting.body).startswith("> ↪ Forwarded from Alice, Wed, 2 Oct 2024")


async def test_an_organizer_without_a_name_is_left_out(world: World) -> None:
    meeting = {"id": "1", "contentType": "meetingReference", "name": "Tea",
               "content": '{"organizerId": "nobody"}'}  # fmt: skip
    world.script.answers = {"/chats/19%3Ac%40thread.v2?": GONE, "/users/": GONE}
    reading = await world.read(attachments=[meeting], body={"content": ""})
    (sighting,) = reading.sightings
    assert isinstance(sighting, Sighting)
    assert plain_text(sighting.body) == "📅 Tea"


async def test_what_a_text_loses_is_told_with_it(world: World) -> None:
    world.script.answers = {"/chats/19%3Ac%40thread.v2?": GONE, "/users/": GONE}
    content = '<p style="text-align:center">x <at id="7">somebody</at></p>'
    reading = await world.read(body={"contentType": "html", "content": content})
    (sighting,) = reading.sightings
    assert isinstance(sighting, Sighting)
    assert sighting.losses == ("alignment", "unknown_mention")
