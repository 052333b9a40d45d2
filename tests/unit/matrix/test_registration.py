"""The registration file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given, strategies as st
from ruamel.yaml import YAML

from bridge.domain.ids import ConversationId, Place, TenantId
from bridge.matrix.names import Names
from bridge.matrix.registration import registration, registration_yaml
from tests.unit.matrix.books import CONFIG

EXAMPLE = Path(__file__).resolve().parents[3] / "registration.yaml.example"
PLACEHOLDER = "CHANGE ME"
DIGITS = "0123e4"
YAMLISH = "yes: '#no'"


def test_the_example_is_what_the_generator_writes() -> None:
    appservice = replace(CONFIG.appservice, as_token=PLACEHOLDER, hs_token=PLACEHOLDER)

    assert registration_yaml(replace(CONFIG, appservice=appservice)) == EXAMPLE.read_text()


def test_the_file_reads_back_as_the_document() -> None:
    assert YAML(typ="safe").load(registration_yaml(CONFIG)) == registration(CONFIG)


def test_a_registration_holds_nothing_random() -> None:
    assert registration_yaml(CONFIG) == registration_yaml(CONFIG)


def test_tokens_stay_text_whatever_they_look_like() -> None:
    appservice = replace(CONFIG.appservice, as_token=DIGITS, hs_token=YAMLISH)
    config = replace(CONFIG, appservice=appservice)

    document = YAML(typ="safe").load(registration_yaml(config))

    assert (document["as_token"], document["hs_token"]) == (DIGITS, YAMLISH)


def test_the_bridge_is_told_how_far_people_have_read_and_has_devices() -> None:
    document = registration(CONFIG)

    assert document["receive_ephemeral"] is True
    assert document["de.sorunome.msc2409.push_ephemeral"] is True
    assert document["rate_limited"] is False
    assert document["io.element.msc4190"] is True


def matching(kind: str, name: str, domain: str = "example.org") -> bool:
    config = replace(CONFIG, homeserver=replace(CONFIG.homeserver, domain=domain))
    spaces = registration(config)["namespaces"][kind]
    assert all(space["exclusive"] for space in spaces)
    return any(re.search(space["regex"], name) for space in spaces)


@given(person=st.text(min_size=1, max_size=16))
def test_every_ghost_is_in_the_namespace(person: str) -> None:
    assert matching("users", Names.of(CONFIG).ghost(person))


@given(conversation=st.text())
def test_every_alias_is_in_the_namespace(conversation: str) -> None:
    names = Names.of(CONFIG)
    place = Place(tenant=TenantId("t"), conversation=ConversationId(conversation))

    assert matching("aliases", names.alias(names.portal_alias(place)))


def test_the_bot_is_in_the_namespace_and_people_are_not() -> None:
    assert matching("users", "@teamsbot:example.org")
    for stranger in (
        "@anna:example.org", "@teamsbot2:example.org", "@teams_a:exampleXorg",
        "@teams_a:example.org.evil.org", "@myteams_a:example.org", "@teamsbot-appservice:example.org",
    ):  # fmt: skip
        assert not matching("users", stranger)


def test_a_dot_in_a_template_means_a_dot() -> None:
    appservice = replace(CONFIG.appservice, ghost_localpart="t.{user}.x")
    [ghosts, _] = registration(replace(CONFIG, appservice=appservice))["namespaces"]["users"]

    assert re.search(ghosts["regex"], "@t.a.x:example.org")
    assert not re.search(ghosts["regex"], "@tza.x:example.org")
