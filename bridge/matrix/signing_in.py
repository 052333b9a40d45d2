"""What people read in their room with the bot when Microsoft refuses them, or does no more. Pure words."""

from __future__ import annotations

from bridge.domain.portal import Account
from bridge.ports import Refusal

_BY_AN_ADMINISTRATOR = "an administrator must act"


def words_of_refusal(refusal: Refusal) -> str:
    """Say what has happened, what becomes of what they write, and what to do."""
    name, reason = named(refusal.account), refusal.reason.rstrip(".")
    first = f"I can no longer speak for you in Teams as {name}: {reason}."
    waits = "What you write in bridged rooms waits, for a week at most, and will be sent in order"
    if _BY_AN_ADMINISTRATOR in reason:
        return (
            f"{first} Tell the administrator of your organisation. {waits} once this works again: "
            "I look every hour, or write `login` when they are done."
        )
    return f"{first} {waits} once you have signed in again: write `login`."


def words_of_mending(refusal: Refusal, count: int) -> str:
    """Say that it works again."""
    first = f"I can speak for you in Teams as {named(refusal.account)} again."
    return f"{first} What waited is on its way." if count else first


def named(account: Account) -> str:
    """Call an account as its person knows it."""
    return account.name or account.teams_user
