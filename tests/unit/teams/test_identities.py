"""Who somebody is: every kind that Graph has, whatever JSON it comes as, and never two people as one."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.config import Config
from bridge.domain.events import Person, PersonKind
from bridge.domain.ids import TenantId
from bridge.domain.portal import Role
from bridge.errors import Rejected
from bridge.matrix.names import Names
from bridge.teams import identities
from bridge.teams.fields import Json
from tests.unit.matrix.books import CONFIG

ANNA = "8ea0e38b-efb3-4757-924a-5f94061cf8c2"
OURS = TenantId("e61ef81e-8bd8-476a-92e8-4a62f8426fca")
THEIRS = TenantId("1f2b8c11-5f5e-4b6b-9d0c-5f0f7e9d3b7a")


def user(**more: object) -> Json:
    return {"user": {"id": ANNA, "displayName": "Anna Zhou", "tenantId": OURS, **more}}


def read(identity: Json) -> Person:
    person = identities.author(identity)
    assert person is not None
    return person.seen_from(OURS)


@pytest.mark.parametrize(
    ("said", "key", "kind"),
    [
        ("aadUser", ANNA, PersonKind.USER),
        ("onPremiseAadUser", ANNA, PersonKind.USER),
        (None, ANNA, PersonKind.USER),
        ("anonymousGuest", "0123456789abcdef0123456789abcdef", PersonKind.ANONYMOUS),
        ("federatedUser", ANNA, PersonKind.FEDERATED),
        ("personalMicrosoftAccountUser", "00034001cf8c2e11", PersonKind.CONSUMER),
        ("skypeUser", "live:.cid.1234567890abcdef", PersonKind.CONSUMER),
        ("phoneUser", "+4930123456", PersonKind.PHONE),
        ("emailUser", "anna@mail.example", PersonKind.EMAIL),
        ("unknownFutureValue", "8:acs:0123", PersonKind.ANONYMOUS),
        (None, "4:+4930123456", PersonKind.PHONE),
        (None, "live:.cid.1234567890abcdef", PersonKind.CONSUMER),
        (None, "anna@mail.example", PersonKind.EMAIL),
        (None, "whoever", PersonKind.ANONYMOUS),
        (7, "whoever", PersonKind.ANONYMOUS),
    ],
)
def test_every_kind_of_user_is_told_apart(said: object, key: str, kind: PersonKind) -> None:
    person = read(user(id=key, userIdentityType=said))

    assert (person.id, person.kind) == (key, kind)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("bot", PersonKind.BOT),
        ("tenantBot", PersonKind.BOT),
        ("aadApplication", PersonKind.BOT),
        ("office365Connector", PersonKind.WEBHOOK),
        ("outgoingWebhook", PersonKind.WEBHOOK),
        (None, PersonKind.BOT),
    ],
)
def test_every_kind_of_application_is_told_apart(said: str | None, kind: PersonKind) -> None:
    person = read(
        {"application": {"id": ANNA, "displayName": "Build", "applicationIdentityType": said}}
    )

    assert person == Person(id=f"app:{ANNA}", name="Build", kind=kind)


def test_a_device_speaks_for_itself() -> None:
    person = read({"user": None, "device": {"id": "room 7", "displayName": "Room 7"}})

    assert person == Person(id="device:room 7", name="Room 7", kind=PersonKind.BOT)


def test_a_user_comes_before_the_application_that_wrote_for_them() -> None:
    both = {**user(), "application": {"id": ANNA, "displayName": "Forms"}}

    assert read(both).id == ANNA


def test_an_application_with_an_id_comes_before_a_user_without_one() -> None:
    both = {"user": {"displayName": "Anna"}, "application": {"id": "1"}}

    assert read(both).id == "app:1"


@pytest.mark.parametrize("nobody", [{}, {"user": None}, {"user": {"id": None}}, {"user": "Anna"}])
def test_where_graph_names_nobody_there_is_nobody(nobody: Json) -> None:
    assert identities.author(nobody) is None


def test_somebody_with_a_name_and_no_id_is_one_person_by_that_name() -> None:
    named = [{"user": {"id": None, "displayName": name}} for name in ("Anna", "Anna", "Bob")]
    one, again, other = map(read, named)

    assert one == again
    assert one.id != other.id
    assert one.name == "Anna"


def test_a_user_of_another_tenant_is_federated_whatever_graph_calls_them() -> None:
    person = read(user(userIdentityType="aadUser", tenantId=THEIRS.upper()))

    assert person.kind is PersonKind.FEDERATED
    assert person.home == THEIRS


@pytest.mark.parametrize("tenant", [OURS, OURS.upper(), None, "contoso.com", 7])
def test_a_user_without_another_tenant_is_one_of_ours(tenant: object) -> None:
    assert read(user(tenantId=tenant)).kind is PersonKind.USER


@pytest.mark.parametrize(
    ("said", "key", "name"),
    [("phoneUser", "+4930123456", "+4930123456"), ("emailUser", "a@b.example", "a@b.example")],
)
def test_phones_and_addresses_without_a_name_are_called_by_what_they_are(
    said: str, key: str, name: str
) -> None:
    assert read(user(id=key, userIdentityType=said, displayName=None)).name == name


@pytest.mark.parametrize("name", [None, "", "  ", 7, "x" * 600])
def test_a_name_that_is_none_is_not_known(name: object) -> None:
    assert read(user(displayName=name)).name is None


def test_what_teams_puts_behind_the_name_of_an_anonymous_guest_is_no_part_of_it() -> None:
    alex = user(id="0123", userIdentityType="anonymousGuest", displayName="Alex (Guest)")

    assert read(alex).name == "Alex"


def test_one_account_is_one_person_however_its_id_is_written() -> None:
    assert read(user(id=ANNA.upper())) == read(user())


# --- members ---


@pytest.mark.parametrize(
    ("name", "known_by", "key", "kind"),
    [
        ("aadUser", "userId", ANNA, PersonKind.USER),
        ("microsoftAccountUser", "userId", "0003", PersonKind.CONSUMER),
        ("anonymousGuest", "anonymousGuestId", "0123", PersonKind.ANONYMOUS),
        ("azureCommunicationServicesUser", "azureCommunicationServicesId", "8:acs:1",
         PersonKind.ANONYMOUS),
        ("phoneUser", "phoneNumber", "+4930123456", PersonKind.PHONE),
        ("skypeUser", "skypeId", "live:1", PersonKind.CONSUMER),
        ("skypeForBusinessUser", "userId", ANNA, PersonKind.FEDERATED),
    ],
)  # fmt: skip
def test_every_kind_of_member_has_the_id_that_their_messages_have(
    name: str, known_by: str, key: str, kind: PersonKind
) -> None:
    member = identities.member(
        {
            "@odata.type": f"#microsoft.graph.{name}ConversationMember",
            "roles": [],
            "displayName": "Alex",
            known_by: key,
        }
    )

    assert (member.id, member.kind, member.name) == (key, kind, "Alex")


def test_a_guest_is_known_by_the_role() -> None:
    member = identities.member({"userId": ANNA, "roles": ["owner", "GUEST"]})

    assert (member.kind, member.role) == (PersonKind.GUEST, Role.GUEST)


def test_a_member_of_another_tenant_is_shown_with_the_domain_of_their_address() -> None:
    item = {
        "userId": ANNA,
        "tenantId": THEIRS,
        "email": "Anna@Fabrikam.Example",
        "roles": ["owner"],
    }
    person = identities.member(item).as_person(OURS)

    assert person is not None
    assert (person.kind, person.organisation) == (PersonKind.FEDERATED, "fabrikam.example")


def test_the_domain_of_our_own_people_is_no_news() -> None:
    item = {"userId": ANNA, "tenantId": OURS, "email": "anna@contoso.example"}
    person = identities.member(item).as_person(OURS)

    assert person == Person(id=ANNA)


def test_who_has_no_id_is_nobody_that_a_ghost_could_be_named_after() -> None:
    assert identities.member({"roles": []}).as_person(OURS) is None


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("anna@fabrikam.example", "fabrikam.example"),
        ("anna@FABRIKAM.example", "fabrikam.example"),
        ("anna@fabrikam.example (guest)", None),
        ("anna@fabrikam", None),
        ("fabrikam.example", "fabrikam.example"),
        ("anna@-fabrikam.example", None),
        ("anna@" + "a" * 300 + ".example", None),
        ("anna@fabrik\N{LATIN SMALL LETTER DOTLESS I}m.example", None),
        ("", None),
        (None, None),
    ],
)
def test_a_domain_is_one_or_none(address: str | None, domain: str | None) -> None:
    assert identities.domain_of(address) == domain


# --- ids ---

ODD = st.text(max_size=60) | st.sampled_from(["\ud800", "app:1", "user:app:1", "a\0b", "é" * 200])
PREFIXES = st.sampled_from(["", identities.APPLICATION, identities.DEVICE])


@given(one=st.tuples(ODD, PREFIXES), other=st.tuples(ODD, PREFIXES))
def test_two_ids_of_graphs_are_never_one_of_ours(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    same = identities.id_of(*one) == identities.id_of(*other)

    assert same == (one == other)


def test_a_user_cannot_be_taken_for_an_application() -> None:
    taken = read(user(id="app:1", userIdentityType="anonymousGuest"))

    assert taken.id == "user:app:1"


def in_a_long_domain(config: Config = CONFIG) -> Names:
    names = Names.of(config)
    assert len(names.ghost_template) + len(names.domain) < 30
    return names


@given(key=st.text(min_size=1, max_size=512), prefix=PREFIXES)
def test_every_id_fits_a_matrix_user_and_comes_back_from_it(key: str, prefix: str) -> None:
    names = in_a_long_domain()
    person = identities.id_of(key, prefix)
    try:
        ghost = names.ghost(person)
    except Rejected:
        pytest.fail(f"{person!r} fits no Matrix user id")

    assert names.is_ghost(ghost)


# --- whatever comes ---

NAMES = st.sampled_from(
    [
        "user", "application", "device", "id", "displayName", "userIdentityType", "tenantId",
        "applicationIdentityType", "@odata.type", "userId", "roles", "email", "phoneNumber",
        "anonymousGuestId", "skypeId", "azureCommunicationServicesId",
    ]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20),
    st.sampled_from([
        "aadUser", "federatedUser", "phoneUser", "emailUser", "bot", "office365Connector", ANNA,
        OURS, THEIRS, "\ud800", "a\0b", "guest", "owner", "+4930123456", "a@b.example",
        "#microsoft.graph.phoneUserConversationMember", "x" * 511,
    ]),
)  # fmt: skip
HOSTILE = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=8)),
    max_leaves=30,
)


@given(st.dictionaries(NAMES, HOSTILE, max_size=8))
def test_whatever_comes_is_somebody_or_nobody(given_json: Json) -> None:
    person, member = identities.author(given_json), identities.member(given_json)

    assert person is None or person.id
    assert member.id is None or member.id
    for found in (person and person.seen_from(OURS), member.as_person(OURS)):
        if found is not None:
            assert in_a_long_domain().ghost(found.id)
            assert found.name is None or found.name.strip()
