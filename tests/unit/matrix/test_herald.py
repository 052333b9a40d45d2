"""What is said about what has not arrived: contents for clients, words for people."""

from __future__ import annotations

from typing import cast

import orjson
import pytest

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.matrix.bot import NOTICE_KEY
from bridge.matrix.client import Client
from bridge.matrix.connection import Connection
from bridge.matrix.ghosts import Devices
from bridge.matrix.herald import (
    STATUSES,
    WHY,
    RoomAnnouncer,
    correction_of,
    key_of,
    notice_of,
    status_of,
    words_of,
)
from bridge.matrix.names import Names
from bridge.matrix.sender import Sender
from bridge.ports import Deed, Reason, Subject, Tidings, Told
from tests.unit.matrix.books import CONFIG

ROOM, BOT = RoomId("!room:example.org"), UserId("@teamsbot:example.org")
MARIA = UserId("@maria:example.org")


def subject(**facts: object) -> Subject:
    given: dict[str, object] = {
        "room": ROOM,
        "source": MessageRef("$said"),
        "slot": "",
        "deed": Deed.MESSAGE,
        "sender": MARIA,
        "shown": MessageRef("$said"),
    }
    return Subject(**(given | facts))  # type: ignore[arg-type]


def words(told: Told, reason: Reason, deed: Deed = Deed.MESSAGE) -> str:
    return words_of(Tidings(subject=subject(deed=deed), told=told, reason=reason), bot=BOT)


@pytest.mark.parametrize(
    ("told", "reason", "wanted"),
    [
        (
            Told.WAITING,
            Reason.AWAY,
            "Your message has not reached Teams yet: Teams does not answer. It will be tried again.",
        ),
        (
            Told.PARKED,
            Reason.TOO_LARGE,
            "Your message did not reach Teams: it is too large for Teams."
            " Send it in smaller pieces.",
        ),
        (
            Told.PARKED,
            Reason.SIGN_IN,
            "Your message did not reach Teams: your sign-in to Microsoft is no longer good. Write"
            " `login` to me (@teamsbot:example.org) in a direct chat, sign in again, and send it"
            " once more.",
        ),
    ],
)
def test_the_words_say_what_why_and_what_now(told: Told, reason: Reason, wanted: str) -> None:
    assert words(told, reason) == wanted


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("told", Told)
@pytest.mark.parametrize("deed", Deed)
def test_there_are_words_for_everything(told: Told, reason: Reason, deed: Deed) -> None:
    said = words(told, reason, deed)

    assert said[0].isupper()
    assert said.endswith(".")
    assert "{" not in said
    assert ("tried again." in said) >= (told is Told.WAITING)


def test_a_status_is_what_mautrix_bridges_send() -> None:
    assert status_of(subject(), "PENDING", reason="m.foreign_network_error", message="hm") == {
        "m.relates_to": {"rel_type": "m.reference", "event_id": "$said"},
        "network": "teams",
        "status": "PENDING",
        "reason": "m.foreign_network_error",
        "message": "hm",
    }
    assert STATUSES == {Told.WAITING: "PENDING", Told.PARKED: "FAIL_PERMANENT"}
    assert {known for known, _, _ in WHY.values()} <= {
        "m.event_not_handled",
        "com.beeper.unsupported_event",
        "m.foreign_network_error",
        "m.no_permission",
        "m.bridge_unavailable",
    }


def test_an_edit_has_no_status_for_its_message_has_arrived() -> None:
    assert status_of(subject(deed=Deed.EDIT), "FAIL_PERMANENT") is None
    assert status_of(subject(deed=Deed.REACTION), "FAIL_PERMANENT") is not None


def test_a_notice_answers_the_message_and_mentions_its_sender() -> None:
    content = notice_of(subject(shown=MessageRef("$changed")), "Write `login`.", key="k")

    assert content["msgtype"] == "m.notice"
    assert content["body"] == "Write `login`."
    assert content["formatted_body"] == "Write <code>login</code>."
    assert content["m.mentions"] == {"user_ids": [MARIA]}
    assert content["m.relates_to"] == {"m.in_reply_to": {"event_id": "$changed"}}
    assert content[NOTICE_KEY] == "k"


def test_a_correction_is_an_edit_that_mentions_nobody() -> None:
    content = correction_of(MessageRef("$notice"), "It is there.", key="k")

    assert content["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$notice"}
    assert content["body"] == "* It is there."
    new = cast("dict[str, object]", content["m.new_content"])
    assert new["body"] == "It is there."
    assert content["m.mentions"] == new["m.mentions"] == {}


def test_notices_of_other_things_have_other_keys() -> None:
    subjects = [
        subject(),
        subject(source=MessageRef("$other")),
        subject(slot="edit 5"),
        subject(room=RoomId("!other:example.org")),
    ]

    assert len({key_of(one, told) for one in subjects for told in Told}) == 2 * len(subjects)


# --- what nobody could read ---


@pytest.fixture
def announcer() -> RoomAnnouncer:
    """One that reads only: whatever it asked of the homeserver would fail."""
    nothing = cast("Connection", None)
    names = Names.of(CONFIG)
    client = Client(nothing, bot=names.bot)
    return RoomAnnouncer(nothing, Sender(nothing), client, names=names, devices=Devices(client))


def raw(kind: str, content: object, **more: object) -> bytes:
    event = {
        "event_id": "$said",
        "room_id": ROOM,
        "sender": MARIA,
        "type": kind,
        "content": content,
        "origin_server_ts": 1,
    }
    return orjson.dumps(event | more)


@pytest.mark.parametrize(
    ("event", "deed", "shown"),
    [
        (raw("m.room.message", {"msgtype": 7}), Deed.MESSAGE, "$said"),
        (
            raw("m.room.message", {"m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}),
            Deed.MESSAGE,
            "$1",
        ),
        (
            raw("m.room.message", {"m.relates_to": {"rel_type": "m.thread", "event_id": "$1"}}),
            Deed.MESSAGE,
            "$said",
        ),
        (
            raw("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$1"}}),
            Deed.REACTION,
            "$1",
        ),
        (raw("m.reaction", {"m.relates_to": {"event_id": ["$1"]}}), Deed.REACTION, "$said"),
        (raw("m.room.redaction", {"redacts": "$1"}), Deed.DELETION, "$1"),
        (raw("m.room.redaction", {}, redacts="$1"), Deed.DELETION, "$1"),
    ],
)
def test_who_said_what_is_read_however_odd_it_is(
    announcer: RoomAnnouncer, event: bytes, deed: Deed, shown: str
) -> None:
    found = announcer.subject_of(ROOM, event)

    assert found is not None
    assert (found.source, found.sender, found.deed, found.shown) == ("$said", MARIA, deed, shown)


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"no json",
        b"[]",
        raw("m.room.member", {"membership": "invite"}, state_key=BOT),
        raw("m.room.message", {}, sender="@teams_anna:example.org"),
        raw("m.room.message", {}, sender="nobody"),
        raw("m.room.message", {}, room_id="!other:example.org"),
    ],
)
def test_what_nobody_said_is_nobodys_to_hear_of(announcer: RoomAnnouncer, event: bytes) -> None:
    assert announcer.subject_of(ROOM, event) is None
