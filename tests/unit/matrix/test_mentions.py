"""Who is called: in Matrix by the account or the ghost, in Teams by the person."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st
from typing_extensions import override

from bridge.convert.matrix import parse_matrix, render_matrix
from bridge.convert.teams import render_teams, teams_mentions
from bridge.domain.content import (
    Body,
    Bold,
    Mention,
    Paragraph,
    Quote,
    Target,
    TargetKind,
    Text,
    from_text,
    mentions,
)
from bridge.domain.events import Person, Reacted, Sighting
from bridge.domain.ids import MessageRef, RoomId, TenantId, UserId, Version
from bridge.matrix import saying
from bridge.matrix.mentions import (
    LOOKED_UP_MAX,
    Mentions,
    called_anew,
    called_by,
    called_in,
)
from bridge.matrix.names import Names
from bridge.ports import Reading
from tests.unit.matrix.books import CONFIG, NOW, Accounts
from tests.unit.matrix.test_saying import delivery, edited, sent

TENANT = TenantId("tenant")
ADA = "5d8a0000-0000-4000-8000-00000000ada0"
BOB = "77c10000-0000-4000-8000-00000000b0b0"
GHOST = f"@teams_{BOB}:example.org"
NAMES = Names.of(CONFIG)


def mention(kind: TargetKind, id_: str, text: str = "Somebody") -> Mention:
    return Mention(target=Target(kind=kind, id=id_), text=text)


def says(*content: Any) -> Body:
    return Body(blocks=(Paragraph(content=content),))


def who() -> Mentions:
    accounts = Accounts()
    accounts.add("@ada:example.org", ADA)
    return Mentions(NAMES, accounts)


async def test_whoever_is_signed_in_is_called_by_their_account_and_others_by_their_ghosts() -> None:
    body = says(
        mention(TargetKind.TEAMS_USER, ADA, "Ada"),
        Text(text=", "),
        Bold(content=(mention(TargetKind.TEAMS_USER, BOB, "Bob"),)),
    )

    made = await who().in_matrix(TENANT, Body(blocks=(Quote(blocks=body.blocks), *body.blocks)))

    assert called_in(made) == {"user_ids": ["@ada:example.org", GHOST]}
    assert render_matrix(Body(blocks=made.blocks[1:])) == (
        "Ada, Bob",
        '<a href="https://matrix.to/#/@ada:example.org">Ada</a>, '
        f'<strong><a href="https://matrix.to/#/{GHOST}">Bob</a></strong>',
    )


async def test_nobody_is_signed_in_to_another_tenant() -> None:
    body = says(mention(TargetKind.TEAMS_USER, ADA))

    made = await who().in_matrix(TenantId("other"), body)

    assert called_in(made) == {"user_ids": [f"@teams_{ADA}:example.org"]}


async def test_a_bot_is_called_by_its_ghost() -> None:
    made = await who().in_matrix(TENANT, says(mention(TargetKind.TEAMS_APP, "app:x", "Helper")))

    assert called_in(made) == {"user_ids": ["@teams_app=3ax:example.org"]}


@pytest.mark.parametrize("kind", [TargetKind.EVERYONE, TargetKind.CHANNEL, TargetKind.TEAM])
async def test_everyone_is_the_room(kind: TargetKind) -> None:
    body = says(mention(kind, "19:x", "Sales"))

    assert await who().in_matrix(TENANT, body) == body
    assert called_in(body) == {"room": True}


@pytest.mark.parametrize(
    "body",
    [
        from_text("nobody @room"),
        says(mention(TargetKind.TEAMS_TAG, "x")),
        says(mention(TargetKind.TEAMS_USER, "x" * 900)),
    ],
)
async def test_who_cannot_be_called_stays_a_name(body: Body) -> None:
    made = await who().in_matrix(TENANT, body)

    assert made == body
    assert called_in(made) == {}


def test_a_message_calls_whom_its_words_call() -> None:
    body = says(mention(TargetKind.MATRIX_USER, "@ada:example.org"), mention(TargetKind.TEAM, "t"))
    event = sent("x")
    called = {"user_ids": ["@ada:example.org"], "room": True}

    assert saying.message(delivery(event), body)["m.mentions"] == called
    assert saying.message(delivery(event), body, called=called)["m.mentions"] == {}


def test_an_edit_calls_anew_whom_it_did_not_call_before() -> None:
    body = says(
        mention(TargetKind.MATRIX_USER, "@ada:example.org"),
        mention(TargetKind.MATRIX_USER, "@bob:example.org"),
    )
    before = {"user_ids": ["@ada:example.org", "@eve:example.org"]}
    made = saying.edit(delivery(edited("x")), body, of=MessageRef("$far"), called=before)

    assert made["m.mentions"] == {"user_ids": ["@bob:example.org"]}
    new: Any = made["m.new_content"]
    assert new["m.mentions"] == {"user_ids": ["@ada:example.org", "@bob:example.org"]}


@pytest.mark.parametrize(
    ("now", "before", "anew"),
    [
        ({"room": True}, {}, {"room": True}),
        ({"room": True}, {"room": True}, {}),
        ({"user_ids": ["@a:b"]}, {"room": True}, {"user_ids": ["@a:b"]}),
        ({"user_ids": ["@a:b"]}, {"user_ids": "@a:b"}, {"user_ids": ["@a:b"]}),
        ({"user_ids": ["@a:b"]}, {"user_ids": ["@a:b"]}, {}),
        ({}, {"user_ids": ["@a:b"]}, {}),
    ],
)
def test_whoever_was_called_is_not_called_again(
    now: dict[str, object], before: dict[str, object], anew: dict[str, object]
) -> None:
    assert called_anew(now, before) == anew


def test_a_message_calls_as_it_stands() -> None:
    first = {"m.mentions": {"user_ids": ["@a:b"]}}
    newest = {"content": {"m.mentions": {}, "m.new_content": {"m.mentions": {"room": True}}}}
    relations = {"m.relations": {"m.replace": newest}}

    assert called_by({"content": first}) == {"user_ids": ["@a:b"]}
    assert called_by({"content": first, "unsigned": relations}) == {"room": True}


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["content", "unsigned", "m.relations", "m.replace", "m.new_content", "m.mentions",
                 "user_ids", "room"]
            ),
            inner,
            max_size=4,
        ),
    ),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["content", "unsigned"]), JSON))
def test_whatever_an_event_says_calls_somebody_or_nobody(event: dict[str, Any]) -> None:
    called_anew({"user_ids": ["@a:b"], "room": True}, called_by(event))


# --- the other way ---


def seen(body: Body) -> Reading:
    sighting = Sighting(
        origin=RoomId("!r"),
        ref=MessageRef("$1"),
        version=Version(""),
        author=Person(id="@eve:example.org"),
        sent_at=NOW,
        body=body,
    )
    return Reading(sightings=(sighting,))


async def in_teams(body: Body) -> Body:
    (found,) = (await who().in_teams(seen(body))).sightings
    assert isinstance(found, Sighting)
    return found.body


def pill(user: str, text: str) -> str:
    return f'<a href="https://matrix.to/#/{user}">{text}</a>'


def html(formatted: str) -> Body:
    return parse_matrix(
        {
            "msgtype": "m.text",
            "body": "x",
            "format": "org.matrix.custom.html",
            "formatted_body": formatted,
        }
    )


@pytest.mark.parametrize(
    ("user", "text", "person", "name"),
    [
        (GHOST, "Bob (Teams)", BOB, "Bob"),
        (GHOST, "@Bob (Teams)", BOB, "Bob"),
        (GHOST, "Robert", BOB, "Robert"),
        ("@ada:example.org", "@ada", ADA, "ada"),
        ("@ada:example.org", "Ada (Teams)", ADA, "Ada (Teams)"),
    ],
)
async def test_the_pill_of_a_ghost_or_an_account_calls_its_person_in_teams(
    user: str, text: str, person: str, name: str
) -> None:
    body = await in_teams(html(f"hello {pill(user, text)}!"))
    named = teams_mentions(body)

    assert [(m.target.kind, m.target.id, m.text) for m in named] == [
        (TargetKind.TEAMS_USER, person, name)
    ]
    assert render_teams(body, mentions=named) == f'hello <at id="0">{name}</at>!'


@pytest.mark.parametrize(
    "user",
    [
        "@carol:example.org",
        "@teams_app=3ax:example.org",
        "@teams_x:example.org",
        f"@teams_{BOB}:elsewhere.org",
        "@teamsbot:example.org",
    ],
)
async def test_who_is_nobody_in_teams_stays_a_name(user: str) -> None:
    body = html(f"hello {pill(user, 'Carol')}")

    assert await in_teams(body) == body
    assert teams_mentions(body) == ()


async def test_of_very_many_pills_the_first_are_looked_up() -> None:
    body = html("".join(pill(f"@u{n}:example.org", "x") for n in range(200)) + pill(GHOST, "Bob"))
    asked: list[UserId] = []

    class Counting(Accounts):
        @override
        async def account_of(self, user: UserId) -> None:
            asked.append(user)

    await Mentions(NAMES, Counting()).in_teams(seen(body))

    assert len(asked) == LOOKED_UP_MAX


async def test_what_is_no_message_calls_nobody() -> None:
    reacted = Reacted(
        origin=RoomId("!r"),
        ref=MessageRef("$1"),
        target=MessageRef("$0"),
        author=Person(id="@eve:example.org"),
        key="x",
        sent_at=NOW,
    )

    assert await who().in_teams(Reading(sightings=(reacted,))) == Reading(sightings=(reacted,))
    assert await who().in_teams(Reading()) == Reading()


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("Alex (Teams)", "Alex"),
        ("Alex (Teams, guest)", "Alex"),
        ("Alex (x) (Teams, fabrikam.example)", "Alex (x)"),
        ("Alex", "Alex"),
        ("(Teams)", "(Teams)"),
        ("", ""),
    ],
)
def test_a_ghosts_own_name_is_within_what_it_is_called(shown: str, name: str) -> None:
    assert NAMES.guises.bare_name(shown) == name


def test_nobody_is_called_twice() -> None:
    body = says(*[mention(TargetKind.MATRIX_USER, "@a:b")] * 3)

    assert len(mentions(body)) == 3
    assert called_in(body) == {"user_ids": ["@a:b"]}
