"""Who has a say in what a ghost shows: messages first, the directory last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from bridge.domain.events import Person, PersonKind
from bridge.domain.ids import TenantId
from bridge.domain.likeness import (
    Facet,
    Likeness,
    Picture,
    PictureStep,
    Profile,
    Standing,
    about_picture,
    alias,
    contradicts,
    heard,
    may_be_in_directory,
    seen,
)

ANNA = Person(id="8ea0e38b-efb3-4757-924a-5f94061cf8c2", name="Anna")
PICTURE = Picture(tag="1", digest="d", uri="mxc://x/y")
NAMES = st.none() | st.text(min_size=1, max_size=5)
PEOPLE = st.builds(
    Person,
    id=st.just(ANNA.id),
    name=NAMES,
    kind=st.sampled_from(PersonKind),
    organisation=NAMES,
)
PROFILES = st.none() | st.builds(
    Profile, name=NAMES, standing=st.sampled_from(Standing), is_guest=st.booleans()
)


def test_the_first_message_says_who_somebody_is() -> None:
    guest = replace(ANNA, kind=PersonKind.FEDERATED, organisation="fabrikam.example")

    assert heard(None, guest) == Likeness(
        name="Anna", kind=PersonKind.FEDERATED, organisation="fabrikam.example"
    )


def test_the_tenant_of_somebody_of_elsewhere_is_kept_once_it_was_told() -> None:
    ours, theirs = TenantId("ours"), TenantId("theirs")
    told = replace(ANNA, home=theirs).seen_from(ours)
    known = heard(None, told)

    assert (known.kind, known.home) == (PersonKind.FEDERATED, theirs)
    assert heard(known, ANNA) is known
    assert replace(ANNA, home=ours).seen_from(ours) == ANNA
    guest = replace(ANNA, kind=PersonKind.GUEST, home=theirs).seen_from(ours)
    assert guest.home is None, "the own directory has an account of theirs"


def test_a_name_that_a_message_leaves_out_stays() -> None:
    known = heard(None, ANNA)

    assert heard(known, replace(ANNA, name=None)) is known
    assert heard(known, replace(ANNA, name="Anna Maier")).name == "Anna Maier"


def test_whoever_is_told_apart_once_stays_so_when_only_their_id_is_given() -> None:
    known = heard(None, replace(ANNA, kind=PersonKind.ANONYMOUS))

    assert heard(known, Person(id=ANNA.id)) is known


@pytest.mark.parametrize("kind", [PersonKind.BOT, PersonKind.WEBHOOK])
def test_an_application_keeps_its_first_name_and_says_the_others_as_aliases(
    kind: PersonKind,
) -> None:
    known = heard(None, Person(id="app:1", name="Alerts", kind=kind))
    other = Person(id="app:1", name="Builds", kind=kind)

    assert heard(known, other) is known
    assert alias(known, other) == "Builds"
    assert alias(known, Person(id="app:1", name="Alerts", kind=kind)) is None
    assert alias(known, Person(id="app:1", kind=kind)) is None


def test_a_person_has_no_aliases() -> None:
    assert alias(heard(None, ANNA), replace(ANNA, name="Bob")) is None


# --- the directory ---


def test_the_directory_has_the_last_word_and_old_messages_bring_no_old_name_back() -> None:
    known = seen(heard(None, ANNA), Profile(name="Anna Maier", standing=Standing.ACTIVE))

    assert known.name == "Anna Maier"
    assert heard(known, ANNA) is known
    assert contradicts(known, ANNA)
    assert not contradicts(known, replace(ANNA, name="Anna Maier"))
    assert not contradicts(known, replace(ANNA, name=None))


@given(people=st.lists(PEOPLE, max_size=5), profiles=st.lists(PROFILES, min_size=1, max_size=3))
def test_after_the_directory_messages_change_nothing(
    people: list[Person], profiles: list[Profile | None]
) -> None:
    known = heard(None, ANNA)
    for profile in profiles:
        known = seen(known, profile)
    if known.standing is None:
        return
    for person in people:
        assert heard(known, person) is known


@given(known=st.builds(Likeness, name=NAMES, kind=st.sampled_from(PersonKind)), person=PEOPLE)
def test_hearing_the_same_again_changes_nothing(known: Likeness, person: Person) -> None:
    once = heard(known, person)

    assert heard(once, person) is once


def test_a_guest_of_the_directory_is_called_one() -> None:
    guest = seen(heard(None, ANNA), Profile(name="Anna", standing=Standing.ACTIVE, is_guest=True))

    assert guest.kind is PersonKind.GUEST


def test_whom_the_directory_never_had_is_not_deleted_but_of_elsewhere() -> None:
    known = heard(None, ANNA)

    assert seen(known, None) is known


def test_whom_it_had_and_has_no_more_is_deleted_and_keeps_the_name() -> None:
    facets = {Facet.JOB_TITLE: "Hatter"}
    there = Profile(name="Anna", standing=Standing.ACTIVE, facets=facets)
    known = seen(heard(None, ANNA), there)
    gone = seen(known, None)

    assert known.facets == facets
    assert (gone.name, gone.standing, gone.facets) == ("Anna", Standing.DELETED, {})
    assert seen(gone, there) == known


@pytest.mark.parametrize(
    ("person", "kind", "may"),
    [
        (ANNA.id, PersonKind.USER, True),
        (ANNA.id, PersonKind.GUEST, True),
        (ANNA.id, PersonKind.FEDERATED, False),
        (ANNA.id, PersonKind.BOT, False),
        ("app:" + ANNA.id, PersonKind.USER, False),
        ("+4930123456", PersonKind.USER, False),
    ],
)
def test_only_accounts_of_the_own_directory_are_looked_for_there(
    person: str, kind: PersonKind, may: bool
) -> None:
    assert may_be_in_directory(person, Likeness(kind=kind)) is may


# --- pictures ---


@pytest.mark.parametrize(
    ("picture", "standing", "tag", "step"),
    [
        (None, Standing.ACTIVE, None, PictureStep.KEEP),
        (None, Standing.ACTIVE, "1", PictureStep.FETCH),
        (PICTURE, Standing.ACTIVE, "1", PictureStep.KEEP),
        (PICTURE, Standing.ACTIVE, "2", PictureStep.FETCH),
        (PICTURE, Standing.ACTIVE, None, PictureStep.REMOVE),
        (PICTURE, Standing.DISABLED, "1", PictureStep.KEEP),
        (PICTURE, Standing.DELETED, "1", PictureStep.REMOVE),
        (None, Standing.DELETED, "1", PictureStep.KEEP),
    ],
)
def test_a_picture_is_fetched_when_it_is_another_one(
    picture: Picture | None, standing: Standing, tag: str | None, step: PictureStep
) -> None:
    assert about_picture(Likeness(picture=picture, standing=standing), tag) is step
