"""What a matrix event means to the relay."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.domain.content import plain_text
from bridge.domain.events import (
    Asked,
    GhostInvited,
    Ignored,
    Invited,
    Person,
    Reacted,
    Redacted,
    Replaced,
    Sighting,
)
from bridge.domain.ids import MessageRef, RoomId, UserId, Version
from bridge.errors import Unconvertible
from bridge.matrix.reading import KEY_CHARS_MAX, reading_of
from bridge.ports import Reading
from tests.unit.matrix.books import NOW
from tests.unit.matrix.test_appservice import JSON, event

BOT = UserId("@teamsbot:example.org")
ANNA = Person(id="@anna:example.org")
SENT_AT = NOW - timedelta(seconds=3)
MS = round(SENT_AT.timestamp() * 1000)


def read(**fields: object) -> Reading:
    return reading_of(event(origin_server_ts=MS, **fields), bot=BOT, received_at=NOW)


def seen(**fields: object) -> Sighting:
    [sighting] = read(**fields).sightings
    assert isinstance(sighting, Sighting)
    return sighting


def ignored(**fields: object) -> str:
    reading = read(**fields)
    assert reading.sightings == ()
    [one] = reading.ignored
    return one.reason


def said(body: str, **relation: object) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body, "m.relates_to": relation}


def replacing(new: object, target: object = "$first") -> dict[str, Any]:
    return said("* x", rel_type="m.replace", event_id=target) | {"m.new_content": new}


def reacting(key: object, target: object = "$first") -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": "m.annotation", "event_id": target, "key": key}}


# --- messages -------------------------------------------------------------------------------------


def test_a_message_is_seen_as_its_sender_said_it() -> None:
    sighting = seen()

    assert (sighting.origin, sighting.ref, sighting.version) == ("!room", "$one", "")
    assert (sighting.author, sighting.sent_at) == (ANNA, SENT_AT)
    assert plain_text(sighting.body) == "hi"
    assert sighting.is_plain
    assert (sighting.reactions, sighting.reply_to) == (None, None)


def test_what_teams_cannot_hold_of_it_is_told_with_it() -> None:
    html = "<span data-mx-spoiler>x</span>"
    formatted = {"format": "org.matrix.custom.html", "formatted_body": html}

    assert seen(content=said("x") | formatted).losses == ("spoiler",)
    assert seen().losses == ()


def test_an_emote_names_who_does_it() -> None:
    assert plain_text(seen(content={"msgtype": "m.emote", "body": "waves"}).body) == "* anna waves"


def test_an_answer_names_what_it_answers_and_leaves_its_words_out() -> None:
    content = said("> <@bob> what?\n\nthis", **{"m.in_reply_to": {"event_id": "$asked"}})
    html = "<mx-reply><blockquote>what?</blockquote></mx-reply>this"
    formatted = {"format": "org.matrix.custom.html", "formatted_body": html}

    for sighting in (seen(content=content), seen(content=content | formatted)):
        assert sighting.reply_to == "$asked"
        assert plain_text(sighting.body) == "this"


@pytest.mark.parametrize(
    ("relation", "answered"),
    [
        ({"rel_type": "m.thread", "event_id": "$root", "is_falling_back": True}, None),
        ({"rel_type": "m.thread", "event_id": "$root", "is_falling_back": False}, "$asked"),
        ({"rel_type": "m.thread", "event_id": "$root"}, "$asked"),
    ],
)
def test_in_a_thread_only_what_is_meant_as_an_answer_is_one(
    relation: dict[str, object], answered: str | None
) -> None:
    content = said("x", **relation, **{"m.in_reply_to": {"event_id": "$asked"}})

    assert seen(content=content).reply_to == answered
    assert seen(content=content).thread == "$root"


@pytest.mark.parametrize("root", [None, [], {}, 1, "x", "$" + "x" * 300])
def test_a_thread_of_nothing_is_none(root: object) -> None:
    assert seen(content=said("x", rel_type="m.thread", event_id=root)).thread is None
    assert seen(content=said("x", rel_type="m.other", event_id="$root")).thread is None


@pytest.mark.parametrize("answer", [None, [], "$x", {}, {"event_id": 1}, {"event_id": "x"}])
def test_an_answer_to_nothing_is_a_message(answer: object) -> None:
    assert seen(content=said("x", **{"m.in_reply_to": answer})).reply_to is None


def test_an_edit_is_a_newer_version_of_the_original() -> None:
    sighting = seen(event_id="$second", content=replacing({"msgtype": "m.text", "body": "new"}))

    assert (sighting.ref, sighting.author, sighting.sent_at) == ("$first", ANNA, SENT_AT)
    assert (sighting.version, sighting.edited) == (Version(str(MS)), str(MS))
    assert plain_text(sighting.body) == "new"
    assert sighting.reactions is None


# --- reactions and redactions ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "bare"),
    [
        ("👍", "👍"),
        ("❤\ufe0f", "❤"),
        ("👩🏽‍🚀", "👩🏽‍🚀"),
        ("mxc://a/b", "mxc://a/b"),
        ("a\x00b", "ab"),
    ],
)
def test_a_reaction_names_its_target_and_its_emoji_bare(key: str, bare: str) -> None:
    assert read(type="m.reaction", content=reacting(key)).sightings == (
        Reacted(
            origin=RoomId("!room"),
            ref=MessageRef("$one"),
            target=MessageRef("$first"),
            author=ANNA,
            key=bare,
            sent_at=SENT_AT,
        ),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"redacts": "$first", "content": {}},
        {"content": {"redacts": "$first", "reason": "typo"}},
        {"redacts": "$first", "content": {"redacts": "$first"}},
        {"redacts": 7, "content": {"redacts": "$first"}},
        {"redacts": "$first", "content": {"redacts": "$another"}},
    ],
)
def test_a_redaction_names_its_target_wherever_the_room_keeps_it(fields: dict[str, object]) -> None:
    assert read(type="m.room.redaction", **fields).sightings == (
        Redacted(
            origin=RoomId("!room"),
            ref=MessageRef("$one"),
            target=MessageRef("$first"),
            author=ANNA,
            sent_at=SENT_AT,
        ),
    )


# --- polls ----------------------------------------------------------------------------------------


def test_a_poll_is_a_message_and_its_end_answers_it() -> None:
    poll = {"question": {"m.text": "Lunch?"}, "answers": [{"m.id": "p", "m.text": "Pizza"}]}
    relation = {"rel_type": "m.reference", "event_id": "$first"}
    ended = {"m.text": [{"body": "It has ended."}], "m.relates_to": relation}

    begun = seen(type="m.poll.start", content={"m.poll": poll})
    end = seen(type="org.matrix.msc3381.poll.end", content=ended)

    assert plain_text(begun.body).startswith("📊 Poll: Lunch?")
    assert begun.losses == ("poll",)
    assert (plain_text(end.body), end.reply_to) == ("It has ended.", "$first")


def test_a_poll_that_is_edited_is_the_same_message() -> None:
    poll = {"question": {"m.text": "Tea?"}, "answers": [{"m.id": "y", "m.text": "Yes"}]}
    sighting = seen(type="m.poll.start", content=replacing({"m.poll": poll}))

    assert (sighting.ref, bool(sighting.edited)) == ("$first", True)
    assert "Tea?" in plain_text(sighting.body)


# --- everything else ------------------------------------------------------------------------------


def test_an_invitation_of_the_bot_is_a_request() -> None:
    reading = read(type="m.room.member", state_key=BOT, content={"membership": "invite"})

    assert reading.requests == (Invited(room=RoomId("!room"), sender=UserId("@anna:example.org")),)


@pytest.mark.parametrize("is_direct", [True, False])
def test_an_invitation_of_a_ghost_is_a_request(is_direct: bool) -> None:
    ghost = "@teams_maria:example.org"
    content = {"membership": "invite", "is_direct": is_direct}
    invitation = event(origin_server_ts=MS, type="m.room.member", state_key=ghost, content=content)

    reading = reading_of(invitation, bot=BOT, received_at=NOW, is_ghost=ghost.__eq__)

    [request] = reading.requests
    assert request == GhostInvited(
        room=RoomId("!room"),
        sender=UserId("@anna:example.org"),
        ghost=UserId(ghost),
        is_direct=is_direct,
        sent_at=SENT_AT,
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "m.room.encrypted"}, "encrypted"),
        ({"type": "m.poll.response", "content": {"m.selections": []}}, "not_relayed"),
        ({"type": "m.poll.start", "content": {"x": 1}}, "empty"),
        ({"type": "m.poll.end", "content": {"m.text": "x"}}, "malformed_poll_end"),
        ({"content": {"msgtype": "m.key.verification.request", "body": "x"}}, "key_verification"),
        ({"content": {}}, "redacted"),
        ({"type": "m.reaction", "content": {}}, "redacted"),
        ({"type": "m.room.redaction", "content": {}}, "redacted"),
        ({"type": "m.room.redaction", "content": {"redacts": "first"}}, "malformed_redaction"),
        ({"content": {"msgtype": "m.text", "body": " \n"}}, "empty"),
        ({"content": replacing({"msgtype": "m.text", "body": " \n"})}, "empty"),
        ({"content": replacing(None)}, "malformed_edit"),
        ({"content": replacing(["x"])}, "malformed_edit"),
        ({"content": replacing({"body": "x"}, target="first")}, "malformed_edit"),
        ({"content": replacing({"body": "x"}, target=["$first"])}, "malformed_edit"),
        ({"type": "m.reaction", "content": {"x": 1}}, "malformed_reaction"),
        ({"type": "m.reaction", "content": reacting(7)}, "malformed_reaction"),
        ({"type": "m.reaction", "content": reacting("\ufe0f")}, "malformed_reaction"),
        ({"type": "m.reaction", "content": reacting("👍", 7)}, "malformed_reaction"),
        (
            {"type": "m.reaction", "content": reacting("x" * (KEY_CHARS_MAX + 1))},
            "malformed_reaction",
        ),
    ],
)
def test_what_does_not_cross_says_why(fields: dict[str, object], reason: str) -> None:
    assert ignored(**fields) == reason


@given(
    value=st.none()
    | st.text()
    | st.floats()
    | st.integers()
    | st.sampled_from([0, -1, 2**63, int(NOW.timestamp() * 1000) + 10**9])
)
def test_a_time_that_cannot_be_is_replaced_by_that_of_its_arrival(value: object) -> None:
    content = replacing({"msgtype": "m.text", "body": "new"})
    given_ = event(origin_server_ts=value, content=content)
    [sighting] = reading_of(given_, bot=BOT, received_at=NOW).sightings

    assert datetime(2014, 1, 1, tzinfo=UTC) <= sighting.sent_at <= NOW + timedelta(minutes=5)
    assert isinstance(sighting, Sighting)
    assert sighting.version == str(round(sighting.sent_at.timestamp() * 1000))


@pytest.mark.parametrize("broken", [None, 7, [], {}, event(content=None), event(room_id=None)])
def test_what_is_no_event_makes_no_sense(broken: object) -> None:
    with pytest.raises(Unconvertible):
        reading_of(broken, bot=BOT, received_at=NOW)


KINDS = st.sampled_from(
    [
        "m.room.message",
        "m.reaction",
        "m.room.redaction",
        "m.room.member",
        "m.poll.start",
        "m.poll.end",
    ]
)
RELATIONS = st.dictionaries(
    st.sampled_from(["rel_type", "event_id", "key", "m.in_reply_to", "is_falling_back"]),
    JSON
    | st.sampled_from(["m.replace", "m.annotation", "m.thread", "m.reference", "$first", True]),
)
CONTENTS = st.dictionaries(
    st.sampled_from(
        [
            "msgtype",
            "body",
            "format",
            "formatted_body",
            "redacts",
            "m.new_content",
            "m.poll",
            "geo_uri",
        ]
    ),
    JSON
    | st.sampled_from(
        ["m.text", "m.emote", "m.image", "m.location", "org.matrix.custom.html", "$first"]
    ),
)


@given(kind=KINDS, content=CONTENTS, relation=RELATIONS | JSON, extra=JSON)
def test_whatever_strangers_send_has_one_meaning(
    kind: str, content: dict[str, Any], relation: object, extra: object
) -> None:
    reading = read(type=kind, redacts=extra, content=content | {"m.relates_to": relation})

    assert len(reading.sightings) + len(reading.ignored) + len(reading.requests) == 1
    for one in reading.ignored:
        assert isinstance(one, Ignored)


@given(fields=st.dictionaries(st.sampled_from(list(event())), JSON))
def test_any_json_is_read_or_makes_no_sense(fields: dict[str, object]) -> None:
    with suppress(Unconvertible):
        reading_of(event() | fields, bot=BOT, received_at=NOW)


# --- commands ---


def commanded(**content: object) -> Reading:
    said = event(content=content, origin_server_ts=MS)
    return reading_of(said, bot=BOT, received_at=NOW, prefix="!teams")


def test_what_begins_with_the_prefix_is_a_command_and_never_relayed() -> None:
    reading = commanded(msgtype="m.text", body='!Teams  bridge "a b"')

    [asked] = reading.requests
    assert isinstance(asked, Asked)
    assert (asked.text, asked.is_prefixed) == ('bridge "a b"', True)
    assert reading.sightings == ()


@pytest.mark.parametrize("kind", ["m.notice", "m.emote"])
def test_only_text_is_a_command(kind: str) -> None:
    assert commanded(msgtype=kind, body="!teams help").requests == ()


def test_what_is_edited_into_a_command_is_neither_obeyed_nor_relayed() -> None:
    reading = commanded(
        **{
            "msgtype": "m.text",
            "body": "* !teams logout",
            "m.new_content": {"msgtype": "m.text", "body": "!teams logout"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": "$first"},
        }
    )

    assert reading == Reading(ignored=(Ignored(reason="edited_command"),))


def test_a_tombstone_asks_to_go_on_elsewhere() -> None:
    reading = read(type="m.room.tombstone", state_key="", content={"replacement_room": "!new"})

    [replaced] = reading.requests
    assert isinstance(replaced, Replaced)
    assert (replaced.sender, replaced.replacement) == (ANNA.id, "!new")


@pytest.mark.parametrize(
    "content", [{}, {"replacement_room": "#new:here"}, {"replacement_room": 1}]
)
def test_a_tombstone_that_leads_nowhere_is_ignored(content: dict[str, object]) -> None:
    assert ignored(type="m.room.tombstone", state_key="", content=content) == "malformed_tombstone"


def test_a_tombstone_with_a_key_is_none() -> None:
    content = {"replacement_room": "!new"}
    assert ignored(type="m.room.tombstone", state_key="x", content=content) == "malformed_tombstone"
