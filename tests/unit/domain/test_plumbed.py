"""Rooms that people made, and rooms that only mirror Teams: what is ours to say there."""

from __future__ import annotations

from hypothesis import given, strategies as st

from bridge.domain.ids import UserId
from bridge.domain.portal import ConversationKind, Role
from bridge.domain.shape import (
    SPEAK,
    SPEAK_NOBODY,
    Leave,
    Plan,
    Rights,
    SetMark,
    SetRights,
    Shown,
    changes,
    plumbed_shape,
    shape_of,
)
from tests.unit.domain.test_shape import MARK, account, apply, being, conversation, ghost

NAMES = ["ada", "bob", "eve"]
USERS = st.frozensets(st.sampled_from([*map(ghost, NAMES), *map(account, NAMES)]))
LEVELS = st.dictionaries(st.sampled_from([account("ada"), ghost("bob")]), st.integers(0, 100))


@st.composite
def rooms(draw: st.DrawFn) -> Shown:
    joined: frozenset[UserId] = draw(USERS)
    return Shown(
        name=draw(st.sampled_from([None, "By hand"])),
        topic=draw(st.sampled_from(["", "ours"])),
        picture=draw(st.sampled_from([None, "mxc://a/b"])),
        pins=draw(st.sampled_from([(), ("$1",)])),
        rights=Rights(speak=draw(st.integers(0, 100)), invite=50, levels=draw(LEVELS)),
        joined=joined,
        ghosts=frozenset(user for user in joined if user in set(map(ghost, NAMES))),
        accounts=frozenset({account("ada")}),
    )


@given(shown=rooms(), members=st.sets(st.sampled_from(NAMES)))
def test_in_a_room_of_people_only_our_marks_are_set_and_only_ghosts_leave(
    shown: Shown, members: set[str]
) -> None:
    beings = [being(name) for name in sorted(members)]
    shape = plumbed_shape(shown, beings, {MARK: {"a": 1}})

    plan = changes(shown, shape)

    assert all(isinstance(action, SetMark | Leave) for action in plan.actions)
    leaving = {action.user for action in plan.actions if isinstance(action, Leave)}
    strangers = {user for user in shown.ghosts if user not in {one.ghost for one in beings}}
    assert leaving == (strangers if members else frozenset())
    after = apply(plan, shown)
    assert changes(after, plumbed_shape(after, beings, {MARK: {"a": 1}})) == Plan(actions=())


def test_a_mirror_is_read_only_for_all_but_the_ghosts_that_are_there() -> None:
    beings = [being("ada", signed_in=True), being("bob", role=Role.OWNER)]
    channel = conversation(ConversationKind.CHANNEL)
    mirror = shape_of(channel, beings, read_only=True)

    assert mirror.rights.speak == SPEAK_NOBODY
    assert mirror.rights.levels[ghost("bob")] == SPEAK_NOBODY
    assert account("ada") not in mirror.rights.levels
    shown = apply(changes(Shown(), mirror), Shown())
    both = shape_of(channel, beings)
    assert SetRights(rights=both.rights) in changes(shown, both).actions
    assert both.rights.speak == SPEAK
