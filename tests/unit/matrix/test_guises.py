"""What ghosts are called, and that nobody can call themselves what only we may say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from bridge.config import GHOST_WORDS
from bridge.domain.events import PersonKind
from bridge.domain.likeness import Likeness, Standing
from bridge.matrix.guises import Guises

DEFAULT = Guises(template="{name} (Teams{kind})", words=dict(GHOST_WORDS), bot_name="Teams bridge")
BARE = replace(DEFAULT, template="{name}")
SYNAPSE_CHARS_MAX = 256


@pytest.mark.parametrize(
    ("likeness", "shown"),
    [
        (Likeness(name="Alex"), "Alex (Teams)"),
        (Likeness(name="Alex", kind=PersonKind.GUEST), "Alex (Teams, guest)"),
        (Likeness(name="Alex", kind=PersonKind.FEDERATED), "Alex (Teams, external)"),
        (
            Likeness(name="Alex", kind=PersonKind.FEDERATED, organisation="fabrikam.example"),
            "Alex (Teams, fabrikam.example)",
        ),
        (Likeness(name="Alex", kind=PersonKind.CONSUMER), "Alex (Teams, personal)"),
        (Likeness(name="Alex", kind=PersonKind.ANONYMOUS), "Alex (Teams, anonymous)"),
        (Likeness(name="+49 30 123456", kind=PersonKind.PHONE), "+49 30 123456 (Teams, phone)"),
        (Likeness(name="a@b.example", kind=PersonKind.EMAIL), "a@b.example (Teams, e-mail)"),
        (Likeness(name="Deploy", kind=PersonKind.BOT), "Deploy (Teams, bot)"),
        (Likeness(name="Alerts", kind=PersonKind.WEBHOOK), "Alerts (Teams, webhook)"),
        (Likeness(name="Alex", standing=Standing.ACTIVE), "Alex (Teams)"),
        (Likeness(name="Alex", standing=Standing.DISABLED), "Alex (Teams, disabled)"),
        (
            Likeness(name="Alex", kind=PersonKind.GUEST, standing=Standing.DELETED),
            "Alex (Teams, guest, deleted)",
        ),
        (Likeness(), "Unknown user (Teams)"),
        (Likeness(name=" \u202e\n", kind=PersonKind.ANONYMOUS), "Unknown user (Teams, anonymous)"),
    ],
)
def test_everybody_is_called_with_who_they_are(likeness: Likeness, shown: str) -> None:
    assert DEFAULT.shown(likeness) == shown


def test_without_a_place_for_it_the_kind_stands_behind_the_name() -> None:
    guest = Likeness(name="Alex", kind=PersonKind.GUEST, standing=Standing.DISABLED)

    assert BARE.shown(guest) == "Alex (guest, disabled)"
    assert BARE.shown(Likeness(name="Alex")) == "Alex"


def test_the_words_are_the_operators() -> None:
    german = replace(DEFAULT, words={**GHOST_WORDS, "guest": "Gast"})

    assert german.shown(Likeness(name="Alex", kind=PersonKind.GUEST)) == "Alex (Teams, Gast)"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Maria Rossi (Accounting)", "Maria Rossi (Accounting)"),
        ("Maria (guest)", "Maria [guest]"),
        ("Maria ( GUEST )", "Maria [ GUEST ]"),
        ("Maria (Teams, bot)", "Maria [Teams, bot]"),
        ("Maria (fabrikam.example)", "Maria [fabrikam.example]"),
        ("Maria \N{FULLWIDTH LEFT PARENTHESIS}bot\N{FULLWIDTH RIGHT PARENTHESIS}", "Maria [bot]"),
        ("Maria (\N{FULLWIDTH LATIN SMALL LETTER B}ot)", "Maria [\N{FULLWIDTH LATIN SMALL LETTER B}ot]"),
        ("Maria (IT) (deleted)", "Maria (IT) [deleted]"),
        ("Maria {kind} {name}", "Maria {kind} {name}"),
    ],
)  # fmt: skip
def test_a_user_cannot_say_what_only_we_say(name: str, shown: str) -> None:
    assert DEFAULT.shown(Likeness(name=name)) == f"{shown} (Teams)"


@pytest.mark.parametrize("kind", [kind for kind in PersonKind if kind is not PersonKind.USER])
def test_nobody_from_outside_has_parentheses_of_their_own(kind: PersonKind) -> None:
    named = Likeness(name="Anna (contoso.example", kind=kind)

    assert DEFAULT.shown(named).startswith("Anna [contoso.example (Teams, ")
    assert BARE.shown(named).startswith("Anna [contoso.example (")


@pytest.mark.parametrize(
    "name", ["Teams bridge", "TEAMS  Bridge!", "Te\u0301ams bridge", "Teams-bridge"]
)
def test_nobody_is_called_as_the_bot_is(name: str) -> None:
    assert BARE.shown(Likeness(name=name)).endswith(" (person)")


@given(
    name=st.none() | st.text(max_size=600),
    kind=st.sampled_from(PersonKind),
    organisation=st.sampled_from([None, "fabrikam.example", "a" * 200 + ".example"]),
    standing=st.none() | st.sampled_from(Standing),
    guises=st.sampled_from([DEFAULT, BARE]),
)
def test_whatever_the_name_the_mark_is_at_the_end_and_the_homeserver_takes_it(
    name: str | None,
    kind: PersonKind,
    organisation: str | None,
    standing: Standing | None,
    guises: Guises,
) -> None:
    likeness = Likeness(name=name, kind=kind, organisation=organisation, standing=standing)
    shown = guises.shown(likeness)

    assert 0 < len(shown) <= SYNAPSE_CHARS_MAX
    assert "\n" not in shown
    assert shown == guises.shown(likeness)
    if kind is not PersonKind.USER:
        assert shown.endswith(")")
        assert shown.count("(") == 1
    elif guises is DEFAULT and standing in (None, Standing.ACTIVE):
        assert shown.endswith(" (Teams)")


@given(name=st.text(max_size=200), kind=st.sampled_from(PersonKind))
def test_nobody_looks_like_somebody_of_another_kind(name: str, kind: PersonKind) -> None:
    """Whoever ends in a mark of ours has it from us."""
    for imitated in ("guest", "bot", "external", "deleted", "fabrikam.example"):
        shown = BARE.shown(Likeness(name=f"{name} ({imitated})", kind=kind))
        if shown.endswith(f"({imitated})"):
            assert imitated == BARE.words.get(kind)
