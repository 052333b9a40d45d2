"""What a homeserver may ask, what it is answered, and how often."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import aiohttp
import orjson
import pytest
from typing_extensions import override

from bridge.config import Listen
from bridge.domain.events import Person
from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    Place,
    RoomId,
    TeamId,
    TeamsUserId,
    TenantId,
)
from bridge.domain.portal import Conversation, ConversationKind
from bridge.errors import Throttled, Unavailable
from bridge.matrix.lookups import ASKED_MAX, ASKED_WITHIN, Allowance, Lookups
from bridge.matrix.marks import bridge_info
from bridge.matrix.names import Names
from bridge.ports.starting import Contact, Contacts, FoundPeople
from bridge.sandbox.processes import reserve_port
from bridge.web.lookups import LookupHooks
from bridge.web.server import build, listening
from tests.unit.matrix.books import CONFIG, StillClock, Tenant
from tests.unit.web.conftest import HS_TOKEN

NAMES = Names.of(CONFIG)
MARIA = Contact(
    id=TeamsUserId("3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
    name="Maria Rossi",
    mail="maria@example.org",
)
GHOST = NAMES.ghost(MARIA.id)
NOBODY = NAMES.ghost("3f2504e0-4f89-41d3-9a0c-0305e82c3302")
CHANNEL = Channel(
    team=TeamId("9f3c5f2e-0000-4000-8000-00000000abcd"), channel=ChannelId("19:abc@thread.tacv2")
)
API = "/_matrix/app/v1"


class OnePerson(Contacts):
    """A directory of Maria."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def _answer(self, found: bool) -> tuple[Contact, ...]:
        self.asked += 1
        if self.away:
            raise Unavailable("Graph is away")
        return (MARIA,) if found else ()

    @override
    async def search(self, words: str, *, limit: int) -> FoundPeople:
        return FoundPeople(contacts=self._answer("Maria Rossi".startswith(words)))

    @override
    async def addressed(self, address: str) -> tuple[Contact, ...]:
        return self._answer(address == MARIA.mail)

    @override
    async def known(self, people: Collection[TeamsUserId]) -> tuple[Contact, ...]:
        return self._answer(MARIA.id in people)


class Registered:
    """Keeps which ghosts were made, and which rooms were opened."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        self.channels: list[Channel] = []

    async def ensure(self, _tenant: TenantId, person: Person) -> None:
        self.people.append(person)

    async def open(self, channel: Channel) -> RoomId:
        self.channels.append(channel)
        return RoomId("!room")


class Asking:
    """A homeserver that asks."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.session = session
        self.contacts = OnePerson()
        self.made = Registered()
        self.clock = StillClock()

    async def get(self, path: str, token: str | None = HS_TOKEN) -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.session.get(f"{self.base}{API}/{path}", headers=headers) as answer:
            return answer.status, orjson.loads(await answer.read())


def lookups_of(asking: Asking, *, is_open: bool) -> Lookups:
    return Lookups(
        tenant=TenantId("tenant"),
        names=NAMES,
        ghosts=cast("Any", asking.made),
        channel_rooms=cast("Any", asking.made),
        contacts=asking.contacts,
        channels=cast("Any", None),
        directory=Tenant(),
        allowance=Allowance(asking.clock),
        is_open=is_open,
    )


def bridge_info_of(names: Names) -> Any:
    place = Place(tenant=TenantId("t"), conversation=ConversationId("c"))
    conversation = Conversation(place=place, kind=ConversationKind.GROUP, topic=None, members=())
    return bridge_info(conversation, names, name="Tea")


@pytest.fixture(params=[False, True], ids=["closed", "open"])
async def asking(request: pytest.FixtureRequest) -> AsyncIterator[Asking]:
    reservation = reserve_port()
    port = reservation.getsockname()[1]
    reservation.close()
    async with aiohttp.ClientSession() as session:
        homeserver = Asking(f"http://127.0.0.1:{port}", session)
        hooks = LookupHooks(lookups_of(homeserver, is_open=request.param), hs_token=HS_TOKEN)
        server = build(hooks.routes(), checks=[])
        async with listening(server, Listen(host="127.0.0.1", port=port)):
            yield homeserver


PATHS = [
    f"users/{GHOST}",
    "rooms/%23teams_x:example.org",
    "thirdparty/protocol/msteams",
    "thirdparty/user/msteams?name=Maria",
    f"thirdparty/user?userid={GHOST}",
    "thirdparty/location/msteams?team=Sales",
    "thirdparty/location?alias=%23teams_x:example.org",
]


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_but_the_homeserver_is_answered(asking: Asking, path: str) -> None:
    assert (await asking.get(path, token=None))[0] == 401
    assert (await asking.get(path, token="another"))[0] == 403  # noqa: S106
    assert asking.contacts.asked == 0


async def test_a_ghost_of_somebody_is_made_and_no_other(asking: Asking) -> None:
    assert await asking.get(f"users/{GHOST}") == (200, {})
    assert [person.id for person in asking.made.people] == [MARIA.id]
    for user in (NOBODY, NAMES.ghost("a bot"), "@anna:example.org", "nonsense"):
        status, answer = await asking.get(f"users/{user}")
        assert (status, answer["errcode"]) == (404, "M_NOT_FOUND")
    assert len(asking.made.people) == 1
    assert asking.contacts.asked == 2  # Ids of no account of Teams are not asked for.


async def test_an_alias_of_nothing_is_not_asked_for(asking: Asking) -> None:
    for alias in ("%23teams_x:example.org", "%23" + "a" * 300, "nonsense"):
        assert (await asking.get(f"rooms/{alias}"))[0] == 404
    known = NAMES.channel_alias(CHANNEL)
    assert known is not None
    assert (await asking.get(f"rooms/%23{known}:example.org"))[0] == 404  # Graph knows none.
    assert asking.made.channels == []


async def test_people_are_found_if_everybody_may_look(asking: Asking, request: Any) -> None:
    is_open = "open" in request.node.name.rpartition("[")[2]
    expected = [
        {
            "userid": GHOST,
            "protocol": "msteams",
            "fields": {"name": "Maria Rossi", "mail": "maria@example.org"},
        }
    ] * is_open

    for query in (
        "user/msteams?name=Maria",
        "user/msteams?mail=maria%40example.org",
        f"user?userid={GHOST}",
    ):
        assert await asking.get(f"thirdparty/{query}") == (200, expected)
    for nothing in ("user/msteams?name=Ma", "user/irc?name=Maria", "user/msteams", "location"):
        assert await asking.get(f"thirdparty/{nothing}") == (200, [])
    assert (await asking.get("thirdparty/protocol/msteams"))[0] == (200 if is_open else 404)
    assert (await asking.get("thirdparty/protocol/irc"))[0] == 404


async def test_the_protocol_has_the_picture_of_the_bot(asking: Asking) -> None:
    plain = lookups_of(asking, is_open=True)
    picture = "mxc://example.org/abc"
    shown: Any = replace(plain, names=replace(NAMES, icon=picture)).description("msteams")

    assert (shown["icon"], shown["instances"][0]["icon"]) == (picture, picture)
    without: Any = plain.description("msteams")
    assert without["icon"] == ""
    assert bridge_info_of(replace(NAMES, icon=picture))["protocol"]["avatar_url"] == picture
    assert "avatar_url" not in bridge_info_of(NAMES)["protocol"]


async def test_who_asks_too_often_is_told_so_and_graph_is_left_alone(asking: Asking) -> None:
    for _ in range(ASKED_MAX):
        assert (await asking.get(f"users/{NOBODY}"))[0] == 404
    status, answer = await asking.get(f"users/{NOBODY}")
    assert (status, answer["errcode"]) == (429, "M_LIMIT_EXCEEDED")
    assert asking.contacts.asked == ASKED_MAX

    asking.clock.instant += ASKED_WITHIN + timedelta(seconds=1)

    assert (await asking.get(f"users/{NOBODY}"))[0] == 404


async def test_while_graph_is_away_it_is_not_said_that_nobody_is_there(asking: Asking) -> None:
    asking.contacts.away = True

    assert (await asking.get(f"users/{GHOST}"))[0] == 503


def test_an_allowance_says_how_long_to_wait() -> None:
    allowance = Allowance(StillClock(), count=1, within=timedelta(minutes=1))
    allowance.take()

    with pytest.raises(Throttled) as caught:
        allowance.take()

    assert timedelta(seconds=59) < caught.value.retry_after <= timedelta(minutes=1)
    assert replace(MARIA, mail=None).address == ""
