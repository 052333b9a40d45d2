"""What the bot's /sync says."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.errors import Uncertain
from bridge.matrix.appservice import Reader
from bridge.matrix.catchup import Cursor, cursor_of
from bridge.matrix.feed import Json, news_of
from bridge.matrix.names import Names
from tests.unit.matrix.books import CONFIG, NOW
from tests.unit.matrix.test_appservice import JSON, event

NAMES = Names.of(CONFIG)
BOT = NAMES.bot
ANSWERED = "s2"


def answer(**rooms: object) -> Json:
    return {"next_batch": ANSWERED, "rooms": rooms}


def timeline(*events: object, **more: object) -> Json:
    return {"timeline": {"events": events and list(events), **more}}


def placeless(**fields: object) -> Json:
    return {k: v for k, v in event(**fields).items() if k != "room_id"} | {"unsigned": {"age": 1}}


def test_the_events_of_a_room_name_it_and_are_as_they_were_pushed() -> None:
    news = news_of(answer(join={"!room": timeline(placeless())}), bot=BOT, since="s1")

    [one] = news.timelines
    assert (news.token, one.room, one.gap_until) == ("s2", "!room", None)
    assert one.events == (event(),)


@pytest.mark.parametrize(
    ("more", "gap"),
    [
        ({"limited": True, "prev_batch": "t1"}, "t1"),
        ({"limited": False, "prev_batch": "t1"}, None),
        ({"limited": True}, None),
        ({"prev_batch": "t1"}, None),
    ],
)
def test_a_timeline_that_was_cut_says_where(more: dict[str, object], gap: str | None) -> None:
    news = news_of(answer(join={"!room": timeline(placeless(), **more)}), bot=BOT, since="s1")

    assert [one.gap_until for one in news.timelines] == [gap]


def test_what_was_said_before_the_bot_was_shown_out_counts() -> None:
    news = news_of(
        answer(leave={"!a": timeline(placeless())}, join={"!b": timeline()}), bot=BOT, since="s1"
    )

    assert [one.room for one in news.timelines] == ["!a"]


def test_an_invitation_is_read_as_if_it_had_been_pushed() -> None:
    invite = {
        "type": "m.room.member",
        "state_key": BOT,
        "sender": "@anna:example.org",
        "content": {"membership": "invite"},
    }
    others = [{"type": "m.room.name", "state_key": "", "content": {"name": "x"}}, 7]
    room = {"invite_state": {"events": [*others, invite]}}

    [one] = news_of(answer(invite={"!room": room}), bot=BOT, since="s1").invitations
    [later] = news_of(answer(invite={"!room": room}), bot=BOT, since="s9").invitations

    entries, _, refused = Reader(NAMES).found([one, later], NOW)
    assert not refused
    assert [entry.conversation for entry in entries] == ["!room", "!room"]
    assert entries[0].key != entries[1].key


@pytest.mark.parametrize("broken", [{}, {"next_batch": None}, {"next_batch": ""}])
def test_an_answer_that_says_not_where_to_go_on_is_none(broken: Json) -> None:
    with pytest.raises(Uncertain):
        news_of(broken, bot=BOT, since="s1")


SECTIONS = st.dictionaries(
    st.sampled_from(["join", "leave", "invite"]),
    JSON
    | st.dictionaries(
        st.sampled_from(["!room", "room"]),
        JSON
        | st.dictionaries(
            st.sampled_from(["timeline", "invite_state"]),
            JSON | st.dictionaries(st.sampled_from(["events", "limited", "prev_batch"]), JSON),
        ),
    ),
)


@given(rooms=SECTIONS | JSON)
def test_whatever_else_it_says_is_read_or_left_out(rooms: object) -> None:
    news = news_of({"next_batch": ANSWERED, "rooms": rooms}, bot=BOT, since="s1")

    assert news.token == ANSWERED
    for one in news.timelines:
        Reader(NAMES).found(one.events, NOW)


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(token=ANSWERED, at=NOW)

    assert cursor_of(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "s1", "1 ", "x s1", "-1 s1", f"{'9' * 30} s1", "٣ s1"])
def test_what_is_no_cursor_is_none(text: str) -> None:
    assert cursor_of(text) is None
