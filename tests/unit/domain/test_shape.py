"""What a room has to show, and what it takes until it does; with the laws that hold for any room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import ConversationId, Place, TeamsUserId, TenantId, UserId
from bridge.domain.portal import Conversation, ConversationKind, Member, Membership, Role
from bridge.domain.rights import ORGANISE, ORGANISED_BY_NOBODY
from bridge.domain.shape import (
    ACTIONS_MAX,
    EAGER_MAX,
    INVITE,
    MODERATE,
    NOT_A_MEMBER,
    SPEAK,
    SPEAK_NOBODY,
    Action,
    Being,
    Invite,
    Join,
    Leave,
    Plan,
    Remove,
    Rights,
    SetMark,
    SetName,
    SetPicture,
    SetPins,
    SetRights,
    SetTopic,
    Shape,
    Shown,
    archive_of,
    changes,
    shape_of,
    still_let_in,
)

PLACE = Place(tenant=TenantId("t"), conversation=ConversationId("c"))
MARK = ("m.bridge", "msteams://t/c")


def ghost(name: str) -> UserId:
    return UserId(f"@teams_{name}:hs")


def account(name: str) -> UserId:
    return UserId(f"@{name}:hs")


def being(name: str, *, signed_in: bool = False, role: Role = Role.MEMBER) -> Being:
    member = Member(id=TeamsUserId(name), name=name.title(), role=role)
    return Being(member=member, ghost=ghost(name), account=account(name) if signed_in else None)


def conversation(kind: ConversationKind = ConversationKind.GROUP, **more: object) -> Conversation:
    whole = Conversation(place=PLACE, kind=kind, topic="Budget", members=())
    return replace(whole, **more)  # type: ignore[arg-type]


def apply(plan: Plan, shown: Shown) -> Shown:
    for action in plan.actions:
        shown = applied(action, shown)
    return shown


def applied(action: Action, shown: Shown) -> Shown:  # noqa: PLR0911 -- one for each kind
    match action:
        case SetName(name=name):
            return replace(shown, name=name)
        case SetTopic(topic=topic):
            return replace(shown, topic=topic)
        case SetPicture(picture=picture):
            return replace(shown, picture=picture)
        case SetPins(pins=pins):
            return replace(shown, pins=pins)
        case SetRights(rights=rights):
            return replace(shown, rights=rights)
        case SetMark(mark=mark, content=content):
            return replace(shown, marks={**shown.marks, mark: content})
        case Join(user=user):
            return replace(
                shown,
                joined=shown.joined | {user},
                invited=shown.invited - {user},
                ghosts=shown.ghosts | {user},
            )
        case Invite(user=user):
            invited = shown.invited | {user}
            return replace(shown, invited=invited, accounts=shown.accounts | {user})
        case Leave(user=user) | Remove(user=user):
            return replace(shown, joined=shown.joined - {user}, invited=shown.invited - {user})


# --- what a room is to show ---


def test_a_group_is_called_by_its_topic_and_a_chat_of_two_by_nobody() -> None:
    people = [being("ada"), being("grace")]
    assert shape_of(conversation(), people).name == "Budget"
    direct = conversation(ConversationKind.ONE_ON_ONE, topic=None)
    assert shape_of(direct, people).name is None
    members = tuple(b.member for b in people)
    named = shape_of(replace(direct, members=members), people, name_direct=True)
    assert named.name == "Ada, Grace"


def test_ghosts_come_at_once_but_for_those_who_are_there_themselves() -> None:
    shape = shape_of(conversation(), [being("ada", signed_in=True), being("grace")])
    assert shape.joined == (ghost("grace"),)
    assert shape.invited == (account("ada"),)
    assert shape.belong == frozenset({ghost("ada"), ghost("grace"), account("ada")})


def test_in_a_large_conversation_ghosts_come_when_they_speak() -> None:
    crowd = [being(f"p{number}") for number in range(EAGER_MAX + 1)]
    shape = shape_of(conversation(), crowd)
    assert shape.joined == ()
    assert shape.belong == frozenset(ghost(f"p{number}") for number in range(EAGER_MAX + 1))
    assert len(shape_of(conversation(), crowd[:-1]).joined) == EAGER_MAX


def test_owners_of_a_channel_moderate_and_guests_do_not() -> None:
    people = [
        being("ada", signed_in=True, role=Role.OWNER),
        being("grace"),
        being("guest", role=Role.GUEST),
    ]
    levels = shape_of(conversation(ConversationKind.CHANNEL), people).rights.levels
    assert levels == {ghost("ada"): MODERATE, account("ada"): MODERATE}


def test_members_of_a_chat_who_are_there_themselves_organise_it_and_guests_do_not() -> None:
    people = [
        being("ada", signed_in=True, role=Role.OWNER),
        being("grace", role=Role.OWNER),
        being("guest", signed_in=True, role=Role.GUEST),
    ]
    for kind in (ConversationKind.GROUP, ConversationKind.MEETING):
        assert shape_of(conversation(kind), people).rights.levels == {account("ada"): ORGANISE}


@pytest.mark.parametrize(
    ("kind", "more", "invite", "remove", "name"),
    [
        (ConversationKind.ONE_ON_ONE, {}, INVITE, MODERATE, MODERATE),
        (ConversationKind.GROUP, {}, ORGANISE, ORGANISE, ORGANISE),
        (ConversationKind.MEETING, {}, ORGANISE, ORGANISE, MODERATE),
        (ConversationKind.UNKNOWN, {}, INVITE, MODERATE, MODERATE),
        (ConversationKind.CHANNEL, {}, MODERATE, INVITE, MODERATE),
        (ConversationKind.CHANNEL, {"membership": Membership.PRIVATE}, *[MODERATE] * 3),
        (ConversationKind.CHANNEL, {"is_archived": True}, *[INVITE] * 3),
    ],
)
def test_what_it_takes_to_organise_is_what_it_takes_in_teams(
    kind: ConversationKind, more: dict[str, object], invite: int, remove: int, name: int
) -> None:
    rights = shape_of(conversation(kind, **more), []).rights
    assert (rights.invite, rights.remove, rights.name) == (invite, remove, name)


def test_a_chat_of_two_is_opened_by_the_ghost_of_the_other() -> None:
    people = [being("ada", signed_in=True), being("grace", role=Role.OWNER)]
    shape = shape_of(conversation(ConversationKind.ONE_ON_ONE), people)
    assert shape.host == ghost("grace")
    assert shape.rights.levels == {ghost("ada"): INVITE, ghost("grace"): INVITE}
    both = [being("ada", signed_in=True), being("grace", signed_in=True)]
    assert shape_of(conversation(ConversationKind.ONE_ON_ONE), both).host is None


def test_an_archive_is_read_only_and_an_archive_no_more_is_not() -> None:
    assert shape_of(conversation(is_archived=True), []).rights.speak == SPEAK_NOBODY
    assert shape_of(conversation(), []).rights.speak == SPEAK


def test_who_has_no_id_has_no_ghost_and_disturbs_nobody() -> None:
    phone = Being(member=Member(id=None, name="+49"), ghost=None)
    assert shape_of(conversation(), [phone, being("ada")]).joined == (ghost("ada"),)


# --- what has to be done ---


def test_a_room_that_shows_its_shape_needs_nothing() -> None:
    shape = replace(shape_of(conversation(), [being("ada")]), marks={MARK: {"a": 1}}, pins=("$1",))
    shown = apply(changes(Shown(), shape), Shown())
    assert shown.joined == {ghost("ada")}
    assert changes(shown, shape) == Plan(actions=())


def test_who_left_in_teams_leaves_and_an_account_is_told_why() -> None:
    shape = shape_of(conversation(), [being("ada")])
    shown = Shown(
        name="Budget",
        topic=shape.topic,
        rights=shape.rights,
        joined=frozenset({ghost("ada"), ghost("bob"), account("bob"), account("guest")}),
        ghosts=frozenset({ghost("ada"), ghost("bob")}),
        accounts=frozenset({account("bob")}),
    )
    plan = changes(shown, shape)
    assert plan.actions == (
        Leave(user=ghost("bob")),
        Remove(user=account("bob"), reason=NOT_A_MEMBER),
    )
    assert plan.strangers == {account("guest")}


def test_nobody_is_sent_away_while_nobody_knows_who_belongs() -> None:
    shown = Shown(joined=frozenset({ghost("bob")}), ghosts=frozenset({ghost("bob")}))
    for unknown in (conversation(all_members=False), conversation()):
        shape = shape_of(unknown, [being("ada")] if not unknown.all_members else [])
        assert not any(isinstance(one, Leave) for one in changes(shown, shape).actions)


def test_whoever_left_by_themselves_is_not_invited_again() -> None:
    shape = shape_of(conversation(), [being("ada", signed_in=True)])
    invite = Invite(user=account("ada"), host=None)
    assert invite in changes(Shown(), shape).actions
    assert invite not in changes(Shown(), shape, let_in={account("ada")}).actions


def test_what_was_set_by_hand_is_set_back_but_for_the_rights_of_others() -> None:
    admin = account("admin")
    shape = shape_of(conversation(), [being("ada", signed_in=True)])
    shown = apply(changes(Shown(), shape), Shown())
    tampered = replace(
        shown,
        name="My name for it",
        pins=("$mine",),
        rights=Rights(levels={admin: 100, account("ada"): 50}),
    )
    after = apply(changes(tampered, shape), tampered)
    assert (after.name, after.pins) == ("Budget", ())
    assert after.rights.levels == {admin: 100}


def test_whoever_was_let_in_belongs_as_long_as_their_person_does_also_signed_out() -> None:
    let_in = {account("ada"): TeamsUserId("ada"), account("bob"): TeamsUserId("bob")}
    people = [being("ada"), being("grace", signed_in=True)]
    shape = shape_of(conversation(), people, let_in=let_in)
    assert shape.belong is not None
    assert account("ada") in shape.belong
    assert account("bob") not in shape.belong
    present = {account("ada"), account("grace")}
    assert still_let_in(people, shape, present=present, let_in=let_in) == {
        account("ada"): "ada",
        account("grace"): "grace",
    }


def test_a_ghost_that_was_raised_to_speak_in_an_archive_stays_so_until_it_is_none() -> None:
    people = [being("ada", role=Role.OWNER)]
    archived = conversation(ConversationKind.CHANNEL, is_archived=True)
    shape = shape_of(archived, people)
    shown = apply(changes(Shown(), shape), Shown())
    levels = {ghost("ada"): SPEAK_NOBODY}
    raised = replace(shown, rights=replace(shown.rights, levels=levels))
    assert changes(raised, shape).actions == ()
    back = apply(changes(raised, shape_of(replace(archived, is_archived=False), people)), raised)
    assert back.rights == Rights(invite=MODERATE, remove=INVITE, levels={ghost("ada"): MODERATE})


def test_a_conversation_that_is_no_more_is_kept_to_be_read() -> None:
    link = ("m.space.parent", "!space")
    shape = replace(
        shape_of(conversation(), [being("ada")]), marks={MARK: {"a": 1}, link: {"via": ["hs"]}}
    )
    shown = apply(changes(Shown(), shape), Shown())
    kept = archive_of(shown, unlinked={link})
    after = apply(changes(shown, kept), shown)
    assert after == replace(
        shown,
        rights=replace(ORGANISED_BY_NOBODY, speak=SPEAK_NOBODY, levels=shown.rights.levels),
        marks={MARK: {"a": 1}, link: {}},
    )
    assert changes(after, archive_of(after, unlinked={link})).actions == ()


def test_a_mark_that_is_no_longer_true_is_taken_back() -> None:
    shown = Shown(marks={("m.space.parent", "!old"): {"via": ["hs"]}})
    shape = Shape(rights=shown.rights, marks={("m.space.parent", "!new"): {"via": ["hs"]}})
    plan = changes(shown, shape)
    assert plan.actions == (
        SetMark(mark=("m.space.parent", "!new"), content={"via": ["hs"]}),
        SetMark(mark=("m.space.parent", "!old"), content={}),
    )
    assert changes(apply(plan, shown), shape).actions == ()


def test_a_look_does_so_much_and_the_next_one_the_rest() -> None:
    crowd = [being(f"p{number}", signed_in=True) for number in range(ACTIONS_MAX * 2)]
    shape = shape_of(conversation(), crowd)
    shown, let_in = Shown(), set[UserId]()
    looks = 0
    while not (plan := changes(shown, shape, let_in=let_in)).is_all:
        assert len(plan.actions) == ACTIONS_MAX
        shown = apply(plan, shown)
        let_in |= {one.user for one in plan.actions if isinstance(one, Invite)}
        looks += 1
    assert looks == 2
    shown = apply(plan, shown)
    assert shown.invited == {account(f"p{number}") for number in range(ACTIONS_MAX * 2)}


# --- laws ---

NAMES = st.sampled_from("abcdefgh")
USERS = st.frozensets(NAMES.map(ghost) | NAMES.map(account))
LEVELS = st.dictionaries(NAMES.map(ghost) | NAMES.map(account), st.sampled_from([50, 60, 100]))
TEXTS = st.sampled_from(["", "one", "two"])
MARKS: st.SearchStrategy[Mapping[tuple[str, str], Mapping[str, object]]] = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b"]), TEXTS), st.sampled_from([{}, {"x": 1}, {"y": [1]}])
)
PINS = st.lists(st.sampled_from(["$1", "$2", "$3"]), unique=True).map(tuple)


@st.composite
def rooms(draw: st.DrawFn) -> Shown:
    joined, invited, levels = draw(USERS), draw(USERS), draw(LEVELS)
    named = joined | invited | levels.keys()
    return Shown(
        name=draw(st.none() | TEXTS),
        topic=draw(TEXTS),
        picture=draw(st.none() | TEXTS),
        pins=draw(PINS),
        rights=Rights(
            speak=draw(st.sampled_from([0, 50, 60])),
            remove=draw(st.sampled_from([0, 25, 50])),
            name=draw(st.sampled_from([25, 50])),
            levels=levels,
        ),
        marks=draw(MARKS),
        joined=joined,
        invited=invited - joined,
        ghosts=frozenset(user for user in named if user.startswith("@teams_")),
        accounts=draw(st.just(frozenset()) | st.just(named - {ghost(n) for n in "abcdefgh"})),
    )


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Conversation, list[Being]]:
    names = draw(st.lists(NAMES, unique=True))
    beings = [
        being(name, signed_in=draw(st.booleans()), role=draw(st.sampled_from(Role)))
        for name in names
    ]
    return (
        conversation(
            draw(st.sampled_from(ConversationKind)),
            topic=draw(st.none() | TEXTS),
            members=tuple(b.member for b in beings),
            all_members=draw(st.booleans()),
            is_archived=draw(st.booleans()),
        ),
        beings,
    )


def shape_for(draw: st.DataObject, talk: Conversation, beings: list[Being]) -> Shape:
    return replace(shape_of(talk, beings), pins=draw.draw(PINS), marks=draw.draw(MARKS))


@given(rooms(), conversations(), st.data())
def test_what_is_done_makes_the_room_show_its_shape_and_nothing_is_left_to_do(
    shown: Shown, known: tuple[Conversation, list[Being]], data: st.DataObject
) -> None:
    shape = shape_for(data, *known)
    after = apply(changes(shown, shape), shown)
    assert (after.name, after.topic, after.picture, after.pins) == (
        shape.name, shape.topic, shape.picture, shape.pins,
    )  # fmt: skip
    assert replace(after.rights, levels={}) == replace(shape.rights, levels={})
    assert {mark: content for mark, content in after.marks.items() if content} == {
        mark: content for mark, content in shape.marks.items() if content
    }
    assert after.joined >= set(shape.joined)
    assert after.present >= set(shape.invited)
    if shape.belong is not None:
        assert after.present - shape.belong <= changes(shown, shape).strangers
    assert changes(after, shape).actions == ()


@given(rooms(), conversations(), st.data())
def test_the_order_in_which_members_are_listed_does_not_matter(
    shown: Shown, known: tuple[Conversation, list[Being]], data: st.DataObject
) -> None:
    talk, beings = known
    shape = shape_of(replace(talk, topic="x"), beings)
    other = shape_of(replace(talk, topic="x"), data.draw(st.permutations(beings)))
    one, two = apply(changes(shown, shape), shown), apply(changes(shown, other), shown)
    assert one == two


@given(rooms(), conversations())
def test_nobody_is_sent_away_who_belongs_or_of_whom_nothing_is_known(
    shown: Shown, known: tuple[Conversation, list[Being]]
) -> None:
    shape = shape_of(*known)
    sent = {one.user for one in changes(shown, shape).actions if isinstance(one, Leave | Remove)}
    assert sent <= (shown.ghosts | shown.accounts) - (shape.belong or shown.present)
