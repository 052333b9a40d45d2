"""What Entra's refusals mean, and what may sign in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.errors import ConfigError, Refused, Throttled, Unauthorized, Unavailable
from bridge.ports import Certificate
from bridge.teams.auth import graph_resource
from bridge.teams.certificates import make_certificate
from bridge.teams.credentials import client_credential
from bridge.teams.refusals import OPERATOR, PERSON, codes_of, refusal
from bridge.teams.scopes import SCOPES, asked_for, needed_to_speak
from bridge.teams.signed_in import signed_in
from bridge.teams.transport import proxy_for
from tests.unit.teams.memory import CLIENT, NOW, TENANT, teams_config


def entra(code: int, error: str = "invalid_grant") -> dict[str, object]:
    return {
        "error": error,
        "error_codes": [code],
        "error_description": f"AADSTS{code}: alice@example.org did something. Trace ID: 1",
    }


@pytest.mark.parametrize("code", sorted(OPERATOR))
def test_what_an_operator_can_mend_is_said(code: int) -> None:
    error = refusal(entra(code, "invalid_client"), everyone=False)
    assert isinstance(error, Unauthorized)
    assert error.everyone
    assert str(error).endswith(f"(AADSTS{code})")


@pytest.mark.parametrize("code", sorted(PERSON))
def test_what_a_person_can_mend_is_said_to_them(code: int) -> None:
    error = refusal(entra(code), everyone=False)
    assert isinstance(error, Unauthorized)
    assert not error.everyone
    assert "sign in again" in str(error)


@pytest.mark.parametrize("code", [7000215, 7000222, 700016, 90002])
def test_a_wrong_registration_stops_everyone_whoever_asked(code: int) -> None:
    error = refusal(entra(code), everyone=False)
    assert isinstance(error, Unauthorized)
    assert error.everyone


def test_the_apps_own_token_is_everyones() -> None:
    error = refusal(entra(50076), everyone=True)
    assert isinstance(error, Unauthorized)
    assert error.everyone


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (entra(90033, "temporarily_unavailable"), Unavailable),
        ({"error": "server_error"}, Unavailable),
        (entra(90055), Throttled),
        ({"error": "invalid_grant"}, Unauthorized),
        ({"error": "interaction_required"}, Unauthorized),
        ({"error": "something_new", "error_codes": [1]}, Unauthorized),
        ({}, Unauthorized),
    ],
)
def test_refusals_are_told_apart(answer: dict[str, object], kind: type[Refused]) -> None:
    assert type(refusal(answer, everyone=False)) is kind


def test_entras_own_text_names_people_and_is_not_repeated() -> None:
    assert "alice" not in str(refusal(entra(50173), everyone=False))
    assert "alice" not in str(refusal(entra(12345), everyone=False))


def test_codes_are_found_in_the_text_where_there_is_no_list() -> None:
    assert codes_of({"error_description": "AADSTS65004: no. AADSTS50011"}) == (65004, 50011)
    assert codes_of({"error_codes": ["x", 7, None]}) == (7,)


@given(
    st.dictionaries(
        st.sampled_from(["error", "error_codes", "error_description"]),
        st.none() | st.text() | st.integers() | st.lists(st.integers() | st.text()),
    )
)
def test_any_answer_is_a_refusal(answer: dict[str, object]) -> None:
    assert isinstance(refusal(answer, everyone=False), Refused)


# --- who signed in ----------------------------------------------------------------------------


def answer(**changes: object) -> dict[str, Any]:
    return {
        "access_token": "t",
        "scope": (
            "https://graph.microsoft.com/ChatMessage.Send "
            "https://graph.microsoft.com/Chat.ReadWrite "
            "https://graph.microsoft.com/ChannelMessage.Send "
            "https://graph.microsoft.com/ChannelMessage.ReadWrite openid profile"
        ),
        "id_token_claims": {
            "aud": CLIENT,
            "tid": TENANT.upper(),
            "oid": "alice",
            "name": "Alice",
            "preferred_username": "alice@example.org",
            **changes,
        },
    }


def test_a_good_answer_names_who_signed_in() -> None:
    found = signed_in(answer(), "cache", teams_config())
    assert (found.tenant, found.teams_user, found.name) == (TENANT, "alice", "Alice")


def test_a_name_may_be_missing() -> None:
    assert signed_in(answer(name=None, preferred_username=""), "c", teams_config()).name is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tid": "00000000-0000-4000-8000-000000000000"}, "not of the tenant"),
        ({"tid": None}, "not of the tenant"),
        ({"aud": "another"}, "not for this bridge"),
        ({"oid": None}, "not for this bridge"),
    ],
)
def test_an_answer_for_someone_else_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(Unauthorized, match=says):
        signed_in(answer(**changes), "cache", teams_config())


def test_a_sign_in_without_optional_permissions_says_what_will_not_work() -> None:
    optional = [scope.name for scope in SCOPES if not scope.required]
    assert [scope.name for scope in signed_in(answer(), "c", teams_config()).lacking] == optional

    every = {**answer(), "scope": " ".join(scope.name.upper() for scope in SCOPES)}
    assert signed_in(every, "c", teams_config()).lacking == ()


def test_what_is_for_channels_is_not_missed_where_there_are_none() -> None:
    teams = replace(teams_config(), channels=False)
    chats = {**answer(), "scope": "ChatMessage.Send Chat.ReadWrite"}

    assert asked_for(teams) == ("ChatMessage.Send", "Chat.ReadWrite") == needed_to_speak()
    lacking = [scope.name for scope in signed_in(chats, "c", teams).lacking]
    assert lacking == ["ChatMember.ReadWrite", "Files.ReadWrite"]


def test_a_sign_in_without_the_permission_is_of_no_use() -> None:
    with pytest.raises(Unauthorized, match=r"did not grant ChatMessage\.Send"):
        signed_in({**answer(), "scope": "openid profile User.Read"}, "cache", teams_config())


# --- credentials ------------------------------------------------------------------------------

PAIR: Certificate = make_certificate(NOW)


def test_a_secret_is_a_credential() -> None:
    assert client_credential(teams_config()) == "a secret of the tests"


@pytest.mark.parametrize("key_first", [True, False])
def test_a_certificate_file_is_a_credential_in_either_order(
    tmp_path: Path, key_first: bool
) -> None:
    parts = [PAIR.private_key, PAIR.certificate]
    file = tmp_path / "app.pem"
    file.write_text("\n".join(parts if key_first else reversed(parts)))
    credential = client_credential(teams_config(client_secret=None, certificate_file=file))
    assert isinstance(credential, dict)
    assert "PRIVATE KEY" in credential["private_key"]
    assert "CERTIFICATE" in credential["public_certificate"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        ("ä", "cannot be read"),
        ("", "holds no private key"),
        (PAIR.certificate, "holds no private key"),
        (PAIR.private_key, "that cannot be read"),
        (PAIR.private_key.replace("M", "!") + PAIR.certificate, "that cannot be read"),
        (make_certificate(NOW).private_key + PAIR.certificate, "does not belong"),
    ],
)
def test_what_is_wrong_with_a_certificate_file_is_said(
    tmp_path: Path, content: str | None, says: str
) -> None:
    file = tmp_path / "app.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=rf"teams\.certificate_file: .*{says}"):
        client_credential(teams_config(client_secret=None, certificate_file=file))


# --- the way out ------------------------------------------------------------------------------


def test_the_proxy_of_the_environment_is_used_unless_it_is_told_not_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1,.example.org")
    assert proxy_for("https://graph.microsoft.com") == "http://proxy.test:3128"
    assert proxy_for("https://graph.example.org") is None
    assert proxy_for("https://127.0.0.1:8443") is None


def test_tokens_are_for_graph_without_its_version() -> None:
    assert graph_resource("https://graph.microsoft.com/v1.0") == "https://graph.microsoft.com"
    assert graph_resource("https://127.0.0.1:8443/") == "https://127.0.0.1:8443"
