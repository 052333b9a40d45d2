"""Whose account is whose: what rules make of people, and who gets an account that several claim."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import TeamsUserId, UserId
from bridge.domain.pairing import (
    Attributes,
    Claim,
    Rules,
    Source,
    Why,
    filled,
    is_user_id,
    slots_of,
    values_of,
    verdict,
)

ANNA = TeamsUserId("a1b2c3d4-0000-4000-8000-000000000001")
USER = UserId("@anna:example.org")
UPN = Attributes(upn="Anna.Zhou@Example.org", others={"mail": "anna@mail.example"})


@pytest.mark.parametrize(
    ("rule", "user"),
    [
        ("@{upn_localpart}:example.org", "@anna.zhou:example.org"),
        ("@{mail_localpart}:example.org", "@anna:example.org"),
        ("@t-{user_id}:example.org", f"@t-{ANNA}:example.org"),
        ("@{upn}:example.org", None),  # Holds an @.
        ("@{employee_id}:example.org", None),  # The directory has none.
        ("@{extension_attribute_3}:example.org", None),
    ],
)
def test_a_rule_names_an_account_or_nobody(rule: str, user: str | None) -> None:
    assert filled(rule, values_of(ANNA, UPN)) == user


def test_a_rule_says_nothing_about_guests() -> None:
    rules = Rules(rule="@{mail_localpart}:example.org")
    guest = Attributes(upn="anna_mail.example#EXT#@example.org", is_guest=True, others=UPN.others)

    assert rules.claim(ANNA, UPN) is not None
    assert rules.claim(ANNA, guest) is None
    assert rules.claim(ANNA, None) is None


def test_the_list_wins_over_the_rule_by_id_and_by_principal_name() -> None:
    other = UserId("@other:example.org")
    for key in (ANNA, "anna.zhou@example.org"):
        rules = Rules(pairs={key: other}, rule="@{upn_localpart}:example.org")
        assert rules.claim(ANNA, UPN) == Claim(person=ANNA, user=other, source=Source.LIST)


@given(st.text(), st.text())
def test_whatever_the_directory_says_a_rule_makes_a_user_id_or_nothing(one: str, two: str) -> None:
    # A value must never reach into the server's name.
    known = Attributes(upn=one, others={"mail": two, "employee_id": one + two})

    for slot in ("upn_localpart", "mail_localpart", "employee_id", "upn", "mail"):
        user = filled(f"@{{{slot}}}:example.org", values_of(ANNA, known))
        assert user is None or (is_user_id(user) and user.endswith(":example.org"))
        assert user is None or user.count(":") == 1


def test_the_slots_of_a_rule_are_the_names_in_braces() -> None:
    assert slots_of("@{upn_localpart}-{employee_id}:example.org") == [
        "upn_localpart",
        "employee_id",
    ]


# --- who gets an account ---

claims = st.lists(
    st.builds(
        Claim,
        person=st.sampled_from([TeamsUserId(name) for name in "abcde"]),
        user=st.just(USER),
        source=st.sampled_from(Source),
    ),
    unique_by=lambda claim: claim.person,
).filter(lambda many: [c.source for c in many].count(Source.SIGN_IN) <= 1)


def _decided(order: Sequence[Claim]) -> dict[TeamsUserId, Why | None]:
    """Decide about claims one after the other, as they come."""
    known: dict[TeamsUserId, Why | None] = {}
    made: list[Claim] = []
    for claim in order:
        said = verdict(claim, made)
        known.update(said.losers)
        known[claim.person] = said.why
        made.append(claim)
    return known


@given(claims)
def test_two_people_never_share_an_account(order: list[Claim]) -> None:
    known = _decided(order)

    assert len([person for person, why in known.items() if why is None]) <= 1


@given(claims, st.randoms(use_true_random=False))
def test_it_does_not_matter_who_comes_first(order: list[Claim], random: object) -> None:
    other = list(order)
    random.shuffle(other)  # type: ignore[attr-defined]

    def winner(known: dict[TeamsUserId, Why | None]) -> list[TeamsUserId]:
        return [person for person, why in known.items() if why is None]

    assert winner(_decided(order)) == winner(_decided(other))


@given(claims)
def test_the_strongest_source_wins_if_one_alone_has_it(order: list[Claim]) -> None:
    strongest = min((claim.source for claim in order), default=None)
    first = [claim.person for claim in order if claim.source is strongest]

    winners = [person for person, why in _decided(order).items() if why is None]
    assert winners == (first if len(first) == 1 else [])


def test_claims_for_other_accounts_do_not_count() -> None:
    mine = Claim(person=ANNA, user=USER, source=Source.RULE)
    others = [
        Claim(person=TeamsUserId("b"), user=UserId("@b:example.org"), source=Source.SIGN_IN),
        Claim(person=ANNA, user=USER, source=Source.SIGN_IN),
    ]

    assert verdict(mine, others).why is None
