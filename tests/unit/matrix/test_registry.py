"""The registry of commands: help, who may, and where."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.domain.permission import Permission
from bridge.matrix.commands import Call, Command, Registry, Section, Where
from bridge.matrix.commands.account import AccountCommands
from tests.unit.matrix.books import Accounts

CALL = Call(
    user=UserId("@anna:example.org"),
    room=RoomId("!room"),
    ref=MessageRef("$asked"),
    name="help",
    words=(),
    rest="",
    permission=Permission.USER,
    where=Where.DESK,
    portal=None,
)


async def silent(_call: Call) -> str:
    return ""


SWEEP = Command(
    name="sweep",
    section=Section.ADMIN,
    usage="ROOM [HOW]",
    help="sweep a room",
    example="sweep !room",
    run=silent,
    needs=Permission.ADMIN,
    where=Where.PORTAL,
    aliases=("broom",),
)


def registry() -> Registry:
    return Registry([SWEEP, *AccountCommands(Accounts()).commands()], prefix="!teams")


async def helped(*words: str, permission: Permission = Permission.USER) -> str:
    command = registry().find("help")
    assert command is not None
    return await command.run(replace(CALL, words=words, permission=permission))


async def test_help_shows_what_somebody_may_do_by_sections() -> None:
    shown = await helped()

    assert shown.index("General:\n`help [COMMAND]`") < shown.index(
        "Your Teams account:\n`login [device]`"
    )
    assert "sweep" not in shown
    assert "`!teams help`" in shown
    assert "`sweep ROOM [HOW]`" in await helped(permission=Permission.ADMIN)
    assert "`login`" not in await helped(permission=Permission.RELAY)


async def test_help_on_one_command_says_all_about_it() -> None:
    shown = await helped("Broom")

    assert "`sweep ROOM [HOW]`: sweep a room. It is also called `broom`." in shown
    assert "in a room that is bridged; it needs the permission `admin`" in shown
    assert "`sweep !room`" in shown
    assert "I do not know `nonsense`" in await helped("nonsense")


def test_a_refusal_says_what_is_needed_or_where_to_write() -> None:
    admin = replace(CALL, permission=Permission.ADMIN)

    assert "needs the permission `admin` and you have `user`" in str(
        registry().why_not(SWEEP, CALL)
    )
    assert registry().why_not(SWEEP, admin) == "Write `sweep` in a room that is bridged."
    assert registry().why_not(SWEEP, replace(admin, where=Where.PORTAL)) is None


def test_two_commands_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="broom"):
        Registry([SWEEP, replace(SWEEP, name="broom")], prefix="!teams")


@given(st.text())
def test_any_word_gets_a_short_answer(word: str) -> None:
    assert len(registry().unknown(word)) < 120
