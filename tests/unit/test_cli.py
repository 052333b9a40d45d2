"""The command line: what it prints, what it writes, and how it exits."""

from __future__ import annotations

import gc
import importlib.util
import os
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
from cryptography.fernet import Fernet

from bridge.cli import main
from bridge.cli.configuring import example_text, summary
from bridge.cli.terminal import EXIT_CONFIG, EXIT_FAILURE, EXIT_INTERRUPTED
from bridge.config import Config, load
from bridge.errors import StoreUnavailable

SECRETS = {
    "as_token": "a-token-of-the-appservice-0123456789",
    "hs_token": "a-token-of-the-homeserver-0123456789",
    "client_secret": "Kj8Q~a-value-that-Microsoft-showed-once",
    "uri": "postgresql://bridge:correct-horse@db.example.org:5433/teams_bridge",
    "encryption_key": Fernet.generate_key().decode(),
}
ANSWERS = SECRETS | {
    "domain": "example.org",
    "tenant_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "client_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
    "webhook_url": "https://bridge.example.org/teams",
}


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TEAMS_BRIDGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The example as an operator fills it in."""
    text = example_text()
    for key, answer in ANSWERS.items():
        text = re.sub(rf"^  {key}: .*$", f"  {key}: {answer}", text, flags=re.MULTILINE)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_good_configuration_is_summed_up(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "-c", str(path)]) == 0

    said, complained = capsys.readouterr()
    assert "@teams_{user}:example.org" in said
    assert "Postgres on db.example.org:5433, database teams_bridge" in said
    assert "https://bridge.example.org/teams/notifications" in said
    assert "Note:" not in said
    assert complained == ""


def test_the_summary_shows_no_secret(path: Path) -> None:
    shown = repr(summary(load(path, {})))

    assert [secret for secret in SECRETS.values() if secret in shown] == []
    assert "correct-horse" not in shown


def test_the_summary_tells_what_the_environment_says(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEAMS_BRIDGE_LOGGING_LEVEL", "debug")

    main(["config", "check", "-c", str(path)])

    assert re.search(r"environment +TEAMS_BRIDGE_LOGGING_LEVEL\n", capsys.readouterr().out)


def test_a_configuration_that_everybody_can_read_is_noted(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.chmod(0o644)

    assert main(["config", "check", "-c", str(path)]) == 0

    assert "Note: everybody on this machine can read" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["config check", "registration", "run", "db status"])
def test_every_problem_is_told_on_stderr_and_the_code_is_78(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(example_text())

    assert main([*command.split(), "-c", str(path)]) == EXIT_CONFIG

    said, complained = capsys.readouterr()
    assert said == ""
    assert len(complained.splitlines()) == example_text().count(": CHANGE ME")


def test_a_certificate_without_its_key_is_told_by_the_check(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path.parent / "app.pem").write_text("no key")
    text = re.sub(r"^  client_secret: .*$", "", path.read_text(), flags=re.MULTILINE)
    path.write_text(text.replace("# certificate_file: /etc/teams-bridge", "certificate_file: ."))

    assert main(["config", "check", "-c", str(path)]) == EXIT_CONFIG

    assert "holds no private key" in capsys.readouterr().err


def test_the_example_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "example"]) == 0

    assert capsys.readouterr().out == example_text()


def test_a_generated_key_and_generated_tokens_are_accepted(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = []
    for command in ("generate-key", "generate-token", "generate-token"):
        assert main([command]) == 0
        made.append(capsys.readouterr().out.strip())
    text = path.read_text()
    for key, value in zip(("encryption_key", "as_token", "hs_token"), made, strict=True):
        text = text.replace(SECRETS[key], value)
    path.write_text(text)

    config = load(path, {})

    assert [*config.bridge.encryption_keys, config.appservice.as_token] == made[:2]
    assert len(set(made)) == 3


def test_the_registration_is_for_its_owner_alone(path: Path) -> None:
    output = path.parent / "registration.yaml"

    assert main(["registration", "-c", str(path), "-o", str(output)]) == 0

    assert SECRETS["as_token"] in output.read_text()
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


def test_a_registration_is_replaced_only_by_force(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = path.parent / "registration.yaml"
    output.write_text("precious")
    output.chmod(0o644)
    command = ["registration", "-c", str(path), "-o", str(output)]

    assert main(command) == EXIT_CONFIG
    assert "is there already" in capsys.readouterr().err
    assert output.read_text() == "precious"

    assert main([*command, "--force"]) == 0
    assert SECRETS["hs_token"] in output.read_text()
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


def test_a_registration_that_cannot_be_written_is_a_sentence(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = path.parent / "nowhere" / "registration.yaml"

    assert main(["registration", "-c", str(path), "-o", str(output)]) == EXIT_CONFIG

    assert "cannot be written: No such file or directory" in capsys.readouterr().err


def test_run_hands_the_configuration_to_the_app_and_its_code_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Config] = []

    def run(config: Config) -> int:
        handed.append(config)
        return 7

    monkeypatch.setattr("bridge.app.run", run, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "ours.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    assert main(["run", "-c", str(path)]) == 7
    assert handed == [load(path, {})]
    # Both were otherwise for the imports.
    assert gc.isenabled()
    assert (os.environ["SSL_CERT_FILE"], os.environ.get("SSL_CERT_DIR")) == ("ours.pem", None)


def test_run_starts_the_embedded_postgres_and_stops_it_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(path.read_text().replace(SECRETS["uri"], "embedded"))
    config = load(path, {})
    diary: list[object] = []

    class FakePostgres:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            diary.append("stopped")

        def start(self, folder: Path, *, shared: bool) -> None:
            diary.append(folder)
            assert not shared

        def create_database(self, name: str) -> str:
            return f"postgresql://embedded/{name}"

    def run(config: Config) -> int:
        diary.append(config)
        return 0

    monkeypatch.setattr("bridge.sandbox.postgres.EmbeddedPostgres", FakePostgres)
    monkeypatch.setattr("bridge.app.run", run, raising=False)

    assert main(["run", "-c", str(path)]) == 0

    uri = "postgresql://embedded/teams_bridge"
    ready = replace(config, database=replace(config.database, uri=uri))
    assert diary == [path.parent / "data", ready, "stopped"]


@pytest.mark.parametrize(
    ("error", "code", "complaint"),
    [
        (KeyboardInterrupt(), EXIT_INTERRUPTED, ""),
        (StoreUnavailable("Postgres is away"), EXIT_FAILURE, "Postgres is away\n"),
    ],
)
def test_how_a_command_ends_is_told_by_its_code(
    path: Path,
    error: BaseException,
    code: int,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(_config: Config) -> int:
        raise error

    monkeypatch.setattr("bridge.app.run", run, raising=False)

    assert main(["run", "-c", str(path)]) == code
    assert capsys.readouterr().err == complaint


def test_a_demo_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    assert main(["demo"]) == EXIT_CONFIG

    assert "pip install 'matrix-teams-bridge[demo]'" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["", "config", "db", "fly", "run --fast", "demo --port x"])
def test_a_wrong_command_line_is_answered_by_the_right_one(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(line.split())

    assert caught.value.code == 2
    assert "usage: teams-bridge" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])

    assert caught.value.code == 0
    assert re.fullmatch(r"teams-bridge \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)
