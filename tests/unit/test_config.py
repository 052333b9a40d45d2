"""The configuration: what is understood, and that every problem is told at once, without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings, strategies as st

from bridge.config import Config, load, option_names, overrides
from bridge.domain.permission import Permission
from bridge.errors import ConfigError

KEY = Fernet.generate_key().decode()
FROM_BRIDGE = "a-token-of-the-appservice-0123456789"
FROM_HOMESERVER = "a-token-of-the-homeserver-0123456789"
FROM_MICROSOFT = "Kj8Q~a-value-that-Microsoft-showed-once"
FROM_POSTGRES = "correct-horse-battery"

GOOD: dict[str, dict[str, str]] = {
    "homeserver": {"address": "http://localhost:8008", "domain": "example.org"},
    "appservice": {
        "address": "http://localhost:29318",
        "as_token": FROM_BRIDGE,
        "hs_token": FROM_HOMESERVER,
    },
    "database": {"uri": f"postgresql://bridge:{FROM_POSTGRES}@localhost/teams_bridge"},
    "teams": {
        "tenant_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "client_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "client_secret": FROM_MICROSOFT,
        "webhook_url": "https://bridge.example.org/teams",
    },
    "bridge": {"encryption_key": KEY},
    "logging": {"level": "info"},
}
ABSENT = "(absent)"

Write = Callable[..., Path]


def text_of(changes: Mapping[str, str] = MappingProxyType({})) -> str:
    """Write GOOD as YAML, with `changes` by "section.key"."""
    sections = {name: dict(keys) for name, keys in GOOD.items()}
    for name, value in changes.items():
        section, key = name.split(".")
        sections.setdefault(section, {})[key] = value
    lines = []
    for name, keys in sections.items():
        lines.append(f"{name}:")
        lines += [f"  {key}: {value}" for key, value in keys.items() if value != ABSENT]
    return "\n".join(lines) + "\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_it(changes: Mapping[str, str] = MappingProxyType({})) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text_of(changes))
        return path

    return write_it


def problems_of(path: Path, env: Mapping[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(path, env or {})
    return caught.value.problems


def problem_of(path: Path, env: Mapping[str, str] | None = None) -> str:
    (problem,) = problems_of(path, env)
    return problem


def test_a_short_configuration_is_filled_up_with_defaults(write: Write) -> None:
    config = load(write(), {})

    assert config.appservice.listen.host == "127.0.0.1"
    assert config.appservice.listen.port == 29318
    assert config.appservice.ghost_localpart == "teams_{user}"
    assert config.appservice.ghost_name == "{name} (Teams{kind})"
    assert config.appservice.ghost_words["federated"] == "external"
    assert config.appservice.alias_localpart == "teams_{chat}"
    assert config.teams.graph_url == "https://graph.microsoft.com"
    assert config.teams.login_url == "https://login.microsoftonline.com"
    assert config.bridge.settle_window == timedelta(milliseconds=250)
    assert config.bridge.encryption_keys == (KEY,)
    assert (config.logging.level, config.logging.format) == ("info", "auto")


def test_no_secret_shows_in_a_repr(write: Write) -> None:
    shown = repr(load(write(), {}))

    for secret in (KEY, FROM_BRIDGE, FROM_HOMESERVER, FROM_MICROSOFT, FROM_POSTGRES):
        assert secret not in shown


def test_all_problems_are_told_at_once_in_the_order_of_the_file(write: Write) -> None:
    path = write(
        {
            "homeserver.domain": "CHANGE ME",
            "appservice.as_token": "short",
            "teams.tenant_id": "contoso.onmicrosoft.com",
            "teams.webhook_url": "http://bridge.example.org",
            "bridge.encryption_key": "nonsense",
        }
    )

    problems = problems_of(path)

    assert [problem.split(" ")[1] for problem in problems] == [
        "homeserver.domain:",
        "appservice.as_token:",
        "teams.tenant_id:",
        "teams.webhook_url:",
        "bridge.encryption_key:",
    ]


def test_a_problem_says_file_line_setting_reason_and_what_to_do(write: Write) -> None:
    assert problem_of(write({"appservice.as_token": "short"})) == (
        "config.yaml:6: appservice.as_token: is not 32 to 255 characters long"
        " — make one with `teams-bridge generate-token`"
    )


def test_a_missing_setting_is_shown_at_its_section(write: Write) -> None:
    problem = problem_of(write({"homeserver.domain": ABSENT}))

    assert problem.startswith("config.yaml:1: homeserver.domain: is missing — write ")


def test_a_missing_section_is_shown_by_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text_of().replace("homeserver:", "logging2:"))

    problems = problems_of(path)

    assert any(p.startswith("config.yaml: homeserver.address: is missing") for p in problems)
    assert any("is not a known section" in p for p in problems)


def test_an_unknown_setting_is_a_problem_with_a_guess(write: Write) -> None:
    assert problem_of(write({"homeserver.adress": "http://localhost"})) == (
        "config.yaml:4: homeserver.adress: is not a known setting — did you mean address?"
    )


def test_a_setting_in_the_wrong_section_is_sent_home(write: Write) -> None:
    problem = problem_of(write({"homeserver.webhook_url": "https://x.example.org"}))

    assert problem.endswith("it belongs in the section teams")


def test_an_unknown_section_is_a_problem_with_a_guess(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text_of() + "team:\n  x: 1\n")

    assert problem_of(path) == "config.yaml:19: team: is not a known section — did you mean teams?"


def test_a_setting_written_twice_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text_of().replace("  domain:", "  domain: a.example\n  domain:"))

    assert problem_of(path) == (
        "config.yaml:4: homeserver: has domain twice, first in line 3 — remove one"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{a: b}", "is neither text nor a number"),
        ("[a, b]", "is a list where one value belongs"),
        ("true", "is neither text nor a number"),
        ("''", "is empty"),
        ("", "is missing"),
    ],
)
def test_a_value_of_the_wrong_kind_is_a_problem(write: Write, value: str, said: str) -> None:
    assert said in problem_of(write({"homeserver.domain": value}))


def test_a_section_that_is_no_mapping_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text_of() + "database2: 1\n".replace("2: 1", ": here"))

    assert "has database twice" in problem_of(path)


def test_a_section_of_text_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text_of().replace("logging:\n  level: info", "logging: info"))

    assert "logging: is not a list of settings" in problem_of(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "config.yaml: is empty"),
        (b"# nothing but a comment\n", "homeserver.address: is missing"),
        (b"just text", "this file: is not a list of settings"),
        (b"a: b\nc: [1,\n", "config.yaml:3: is not valid YAML"),
        (b"a: b: c\n", "config.yaml:1: is not valid YAML: mapping values are not allowed here"),
        (b"a: \x01\n", "config.yaml:1: is not valid YAML: a character"),
        (b"\xff\xfe\x00", ": is not text in UTF-8"),
        (b"[" * 500, "config.yaml: is not valid YAML: it is nested too deeply"),
        (b"a: 1\n---\nb: 2\n", "config.yaml:2: is not valid YAML"),
        (b"x" * 300_000, "larger than 256 KiB"),
    ],
)
def test_a_file_that_is_no_configuration_is_told_as_such(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)

    assert said in "\n".join(problems_of(path))


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    assert "cannot be read: No such file or directory" in problem_of(tmp_path / "config.yaml")


def test_broken_yaml_never_quotes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"teams:\n  client_secret: *{FROM_MICROSOFT}\n  x: [\n")

    assert FROM_MICROSOFT not in problem_of(path)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("homeserver.address", "localhost:8008"),
        ("homeserver.address", "http://"),
        ("homeserver.address", "http://localhost:99999"),
        ("homeserver.address", "https://matrix.example.org/_matrix/client"),
        ("homeserver.address", "http://user:pass@localhost"),
        ("homeserver.domain", "https://example.org"),
        ("homeserver.domain", "'@bot:example.org'"),
        ("homeserver.domain", "exa mple.org"),
        ("homeserver.domain", "999.1.1.1"),
        ("homeserver.domain", "example.org:0"),
        ("homeserver.ca_file", "nowhere.pem"),
        ("appservice.id", "two words"),
        ("appservice.listen", "29318"),
        ("appservice.listen", "127.0.0.1:0"),
        ("appservice.listen", "127.0.0.1:70000"),
        ("appservice.as_token", f"'{'x' * 30} y'"),
        ("appservice.bot_localpart", "TeamsBot"),
        ("appservice.bot_name", '"two\\nlines"'),
        ("appservice.bot_avatar", "https://example.org/bot.png"),
        ("appservice.ghost_localpart", "teams_"),
        ("appservice.ghost_localpart", "teams_{user}_{user}"),
        ("appservice.ghost_localpart", "Teams_{user}"),
        ("appservice.ghost_localpart", "'{user}'"),
        ("appservice.ghost_localpart", "teams_{user}{x}"),
        ("appservice.ghost_name", "'{name} {mail}'"),
        ("appservice.ghost_name", "'{name}{kind}{kind}'"),
        ("appservice.ghost_name", "'{name} " + "x" * 70 + "'"),
        ("appservice.ghost_words", "guest"),
        ("appservice.ghost_words", "visitor=Gast"),
        ("appservice.ghost_words", "guest=Gast, guest=Besuch"),
        ("appservice.ghost_words", "guest="),
        ("appservice.ghost_words", "guest=(Gast)"),
        ("appservice.alias_localpart", "teams_{room}"),
        ("database.uri", "mysql://localhost/x"),
        ("database.uri", "postgresql:///x"),
        ("database.uri", "postgresql://localhost:x/y"),
        ("database.uri", "postgresql://bridge:half/half@localhost/y"),
        ("database.uri", "postgresql://bridge:half@half/half@localhost/y"),
        ("database.connections_max", "1"),
        ("database.connections_max", "many"),
        ("database.data_folder", "config.yaml"),
        ("teams.tenant_id", "00000000-0000-0000-0000-000000000000"),
        ("teams.client_id", "'{6f9619ff-8b86-4d01-b42d-00cf4fc964ff}'"),
        ("teams.client_secret", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"),
        ("teams.webhook_url", "http://bridge.example.org"),
        ("teams.webhook_url", "https://bridge.example.org?x=1"),
        ("teams.cloud", "moon"),
        ("bridge.encryption_key", "dG9vIHNob3J0"),
        ("bridge.encryption_key", "[]"),
        ("bridge.settle_window_ms", "-1"),
        ("bridge.settle_window_ms", "1.5"),
        ("bridge.command_prefix", "teams"),
        ("bridge.command_prefix", "'! teams'"),
        ("bridge.permissions", "{example.org: king}"),
        ("bridge.permissions", "{'@anna': user}"),
        ("bridge.permissions", "{'@an na:example.org': user}"),
        ("bridge.permissions", "{example.org: [user]}"),
        ("bridge.permissions", "example.org"),
        ("bridge.permissions", "'*=user, *=admin'"),
        ("logging.level", "loud"),
        ("logging.format", "xml"),
    ],
)
def test_a_value_that_cannot_work_is_a_problem_of_its_setting(
    write: Write, setting: str, value: str
) -> None:
    problem = problem_of(write({setting: value}))

    assert f"{setting}: " in problem
    assert " — " in problem


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("homeserver.domain", "localhost"),
        ("homeserver.domain", "matrix.example.org:8448"),
        ("homeserver.domain", "'[2001:db8::1]'"),
        ("homeserver.domain", "192.0.2.1"),
        ("appservice.listen", "'[::1]:29318'"),
        ("appservice.as_token", "12345678901234567890123456789012"),
        ("database.uri", "postgres://localhost/x"),
        ("database.uri", "postgresql://bridge:pw@one:5432,two:5432/x"),
        ("database.uri", "postgresql:///x?host=/run/postgresql"),
        ("database.uri", "postgresql://postgres@/x?host=%2Frun"),
        ("bridge.settle_window_ms", "0"),
        ("bridge.command_prefix", "'!T'"),
        ("bridge.permissions", "'*=none'"),
    ],
)
def test_a_value_that_can_work_is_taken(write: Write, setting: str, value: str) -> None:
    assert isinstance(load(write({setting: value}), {}), Config)


def test_permissions_are_a_mapping_or_one_line(write: Write) -> None:
    wanted = {"*": Permission.RELAY, "@a=b:example.org": Permission.ADMIN}
    path = write({"bridge.permissions": "{'*': relay, '@a=b:example.org': admin}"})
    said = {"TEAMS_BRIDGE_BRIDGE_PERMISSIONS": "*=relay, @a=b:example.org=admin"}

    assert load(path, {}).bridge.permissions.rules == wanted
    assert load(write(), said).bridge.permissions.rules == wanted


def test_without_permissions_our_own_users_may_sign_in(write: Write) -> None:
    rules = load(write(), {}).bridge.permissions.rules

    assert rules == {"*": Permission.RELAY, "example.org": Permission.USER}


def test_addresses_lose_their_last_slash(write: Write) -> None:
    config = load(write({"teams.webhook_url": "https://bridge.example.org/teams/"}), {})

    assert config.teams.webhook_url == "https://bridge.example.org/teams"


def test_the_two_tokens_must_differ(write: Write) -> None:
    assert "is the same as as_token" in problem_of(write({"appservice.hs_token": FROM_BRIDGE}))


def test_the_bot_must_not_look_like_a_ghost(write: Write) -> None:
    problem = problem_of(write({"appservice.ghost_localpart": "teams{user}"}))

    assert "appservice.bot_localpart: has the form of ghost_localpart" in problem


def test_the_embedded_database_wants_a_folder(write: Write) -> None:
    assert "database.data_folder: is missing" in problem_of(write({"database.uri": "embedded"}))


def test_a_folder_starts_at_the_configuration(write: Write, tmp_path: Path) -> None:
    config = load(write({"database.uri": "embedded", "database.data_folder": "data"}), {})

    assert config.database.data_folder == tmp_path / "data"


def test_one_of_secret_and_certificate_is_wanted(write: Write) -> None:
    assert "give client_secret, or certificate_file" in problem_of(
        write({"teams.client_secret": ABSENT})
    )


def test_secret_and_certificate_are_one_too_many(write: Write, tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_text("a certificate")

    problem = problem_of(write({"teams.certificate_file": "app.pem"}))

    assert "is given beside certificate_file — keep one of the two" in problem


@pytest.mark.parametrize(
    ("cloud", "graph_url", "login_url"),
    [
        ("global", "https://graph.microsoft.com", "https://login.microsoftonline.com"),
        ("gcc_high", "https://graph.microsoft.us", "https://login.microsoftonline.us"),
        ("dod", "https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
        (
            "china",
            "https://microsoftgraph.chinacloudapi.cn",
            "https://login.partner.microsoftonline.cn",
        ),
    ],
)
def test_a_cloud_is_known_by_name(write: Write, cloud: str, graph_url: str, login_url: str) -> None:
    teams = load(write({"teams.cloud": cloud}), {}).teams

    assert (teams.graph_url, teams.login_url) == (graph_url, login_url)


def test_a_cloud_is_known_by_both_of_its_addresses(write: Write) -> None:
    teams = load(
        write(
            {"teams.graph_url": "https://localhost:1/", "teams.login_url": "https://localhost:2"}
        ),
        {},
    ).teams

    assert (teams.graph_url, teams.login_url) == ("https://localhost:1", "https://localhost:2")


def test_one_address_of_a_cloud_is_not_enough(write: Write) -> None:
    problem = problem_of(write({"teams.graph_url": "https://localhost:1"}))

    assert "teams.login_url: is missing — graph_url wants both addresses" in problem


def test_a_cloud_has_a_name_or_addresses(write: Write) -> None:
    problems = problems_of(
        write(
            {
                "teams.cloud": "china",
                "teams.graph_url": "https://localhost:1",
                "teams.login_url": "https://localhost:1",
            }
        )
    )

    assert all("is given beside cloud" in problem for problem in problems)
    assert len(problems) == 2


def test_a_version_in_the_address_of_graph_is_a_problem(write: Write) -> None:
    problem = problem_of(
        write({"teams.graph_url": "https://localhost/v1.0", "teams.login_url": "https://localhost"})
    )

    assert "holds a version" in problem


def test_several_keys_are_a_list_whose_first_writes(write: Write) -> None:
    old = Fernet.generate_key().decode()

    config = load(write({"bridge.encryption_key": f"[{KEY}, {old}]"}), {})

    assert config.bridge.encryption_keys == (KEY, old)


def test_one_key_twice_is_a_problem(write: Write) -> None:
    assert "holds a key twice" in problem_of(write({"bridge.encryption_key": f"[{KEY}, {KEY}]"}))


SECRETS = {
    "appservice.as_token": FROM_BRIDGE,
    "appservice.hs_token": FROM_HOMESERVER,
    "database.uri": GOOD["database"]["uri"],
    "teams.client_secret": FROM_MICROSOFT,
    "bridge.encryption_key": KEY,
}


@pytest.mark.parametrize("setting", SECRETS)
def test_a_secret_may_lie_in_a_file_of_its_own(write: Write, tmp_path: Path, setting: str) -> None:
    (tmp_path / "secret").write_text(SECRETS[setting] + "\n")
    direct = load(write(), {})

    changes = {setting: ABSENT, f"{setting}_file": "secret"}

    assert load(write(changes), {}) == direct


@pytest.mark.parametrize("setting", SECRETS)
def test_a_secret_may_come_from_the_environment(write: Write, tmp_path: Path, setting: str) -> None:
    section, key = setting.split(".")
    (tmp_path / "secret").write_text(SECRETS[setting] + "\n")
    direct = load(write(), {})
    path = write({setting: ABSENT})
    name = f"TEAMS_BRIDGE_{section}_{key}".upper()

    assert load(path, {name: SECRETS[setting]}) == direct
    assert load(path, {f"{name}_FILE": str(tmp_path / "secret")}) == direct


def test_the_environment_wins_over_the_file(write: Write) -> None:
    path = write({"appservice.as_token": "CHANGE ME"})

    config = load(path, {"TEAMS_BRIDGE_APPSERVICE_AS_TOKEN": "e" * 40})

    assert config.appservice.as_token == "e" * 40


def test_any_setting_may_come_from_the_environment(write: Write) -> None:
    env = {"TEAMS_BRIDGE_LOGGING_LEVEL": "debug", "TEAMS_BRIDGE_BRIDGE_SETTLE_WINDOW_MS": "100"}

    config = load(write(), env)

    assert config.logging.level == "debug"
    assert config.bridge.settle_window == timedelta(milliseconds=100)
    assert sorted(overrides(env)) == sorted(env)


def test_an_empty_variable_counts_as_none(write: Write) -> None:
    env = {"TEAMS_BRIDGE_LOGGING_LEVEL": ""}

    assert load(write(), env).logging.level == "info"
    assert overrides(env) == ()


def test_a_problem_in_the_environment_names_the_variable(write: Write) -> None:
    assert problem_of(write(), {"TEAMS_BRIDGE_LOGGING_LEVEL": "loud"}) == (
        "TEAMS_BRIDGE_LOGGING_LEVEL: logging.level: is none of debug, info, warning, error"
        " — for example info"
    )


def test_a_misspelt_variable_is_a_problem(write: Write) -> None:
    assert problem_of(write(), {"TEAMS_BRIDGE_TEAM_CLIENT_SECRET": "x"}).endswith(
        "is not a known variable — did you mean TEAMS_BRIDGE_TEAMS_CLIENT_SECRET?"
    )


def test_variables_that_kubernetes_sets_for_a_service_are_not_ours(write: Write) -> None:
    env = {
        "TEAMS_BRIDGE_SERVICE_HOST": "10.0.0.1",
        "TEAMS_BRIDGE_PORT": "tcp://10.0.0.1:29318",
        "TEAMS_BRIDGE_PORT_29318_TCP_ADDR": "10.0.0.1",
        "TEAMS_BRIDGE_DATABASE_SERVICE_PORT": "5432",
    }

    assert isinstance(load(write(), env), Config)


def test_a_secret_given_twice_in_the_file_is_a_problem(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(FROM_MICROSOFT)

    problem = problem_of(write({"teams.client_secret_file": "secret"}))

    assert "client_secret: is given a second time by client_secret_file — keep one" in problem


def test_a_secret_given_twice_in_the_environment_is_a_problem(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(FROM_MICROSOFT)
    env = {
        "TEAMS_BRIDGE_TEAMS_CLIENT_SECRET": FROM_MICROSOFT,
        "TEAMS_BRIDGE_TEAMS_CLIENT_SECRET_FILE": str(tmp_path / "secret"),
    }

    assert "is given a second time" in problem_of(write(), env)


def test_a_secret_file_that_cannot_be_read_is_a_problem_at_its_own_line(write: Write) -> None:
    problem = problem_of(
        write({"teams.client_secret": ABSENT, "teams.client_secret_file": "nowhere"})
    )

    assert problem.startswith("config.yaml:14: teams.client_secret_file: names a file that cannot")


@pytest.mark.parametrize("option", option_names())
def test_a_wrong_value_of_any_setting_is_never_quoted(write: Write, option: str) -> None:
    value = "Hunter2{{\u00e4}} slipped"
    path = write({option: f'"{value}\\u0007"'})

    assert value not in "\n".join(problems_of(path))


def test_a_secret_in_the_place_of_a_name_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text_of() + f"{FROM_MICROSOFT}: 1\n")

    problem = problem_of(path)

    assert FROM_MICROSOFT not in problem
    assert "a name that is not shown" in problem


def assert_told_well(path: Path, env: Mapping[str, str]) -> None:
    """Load; whatever is wrong must be a sentence with an advice, fit for any terminal."""
    problems: tuple[str, ...] = ()
    try:
        load(path, env)
    except ConfigError as error:
        problems = error.problems or ("",)
    assert all(re.fullmatch(r"\S.*: .* — \S.*", problem) for problem in problems), problems
    assert all(problem.isprintable() for problem in problems), problems


FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
YAML_LIKE = st.text(
    alphabet=st.sampled_from(list("ab1 \n\t:-[]{}&*!|>'\"%@#,?~<=.\\x0\u00e9\u2028\ufeff"))
)


@FUZZ
@given(content=st.binary() | YAML_LIKE.map(str.encode))
def test_any_bytes_give_a_configuration_or_its_problems(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)

    assert_told_well(path, {})


@FUZZ
@given(option=st.sampled_from(option_names()), value=YAML_LIKE | st.text())
def test_any_value_in_the_file_gives_a_configuration_or_its_problems(
    tmp_path: Path, option: str, value: str
) -> None:
    path = tmp_path / "config.yaml"
    text = text_of({option: value})
    path.write_bytes(text.encode(errors="surrogatepass"))

    assert_told_well(path, {})


@FUZZ
@given(option=st.sampled_from(option_names()), value=st.text())
def test_any_value_in_the_environment_gives_a_configuration_or_its_problems(
    write: Write, option: str, value: str
) -> None:
    name = "TEAMS_BRIDGE_" + option.replace(".", "_").upper()

    assert_told_well(write(), {name: value})


def test_a_word_that_is_not_given_stays_as_it_is(write: Write) -> None:
    path = write({"appservice.ghost_words": "guest = Gast, phone=Telefon"})

    words = load(path, {}).appservice.ghost_words
    assert (words["guest"], words["phone"], words["bot"]) == ("Gast", "Telefon", "bot")
