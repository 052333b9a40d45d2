"""Documentation that fails the build: the example, the help of the commands, the README."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from prometheus_client.metrics import MetricWrapperBase

from bridge import config, telemetry
from bridge.cli import COMMANDS, Command, main, parser
from bridge.config import Config, load, option_names
from bridge.errors import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.yaml").read_text()
SETTING = re.compile(r"^  (?P<off># )?(?P<key>[a-z_]+): (?P<value>\S.*)$", re.MULTILINE)
SECTION = re.compile(r"^(?P<name>[a-z_]+):\n(?P<body>(?:  .*\n|\n|#.*\n)*)", re.MULTILINE)
ANSWERS = {
    "domain": "example.org",
    "as_token": "a" * 40,
    "hs_token": "b" * 40,
    "tenant_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "client_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
    "client_secret": "a-value-from-Microsoft",
    "webhook_url": "https://bridge.example.org/teams",
    "encryption_key": Fernet.generate_key().decode(),
}
# Commented out because they have no default: the example shows how such a value may look.
WITHOUT_DEFAULT = {
    "as_token", "bot_avatar", "ca_file", "certificate_file", "graph_url", "login_url", "pairs",
    "relay_account", "rule",
}  # fmt: skip
KEYS_OF_FIELDS = {
    "encryption_keys": "encryption_key",
    "settle_window": "settle_window_ms",
    "media_size_max": "media_size_max_mb",
    "pairs_file": "pairs",
}


def filled_in(text: str) -> str:
    for key, answer in ANSWERS.items():
        text = text.replace(f"  {key}: CHANGE ME", f"  {key}: {answer}")
    return text


def settings_of_example() -> set[str]:
    return {
        f"{section['name']}.{setting['key']}"
        for section in SECTION.finditer(EXAMPLE)
        for setting in SETTING.finditer(section["body"])
    }


def settings_of(section: Any) -> Iterator[Field[Any]]:
    """Yield the fields of a section; those that are kept together lie one level deeper."""
    for field in fields(section):
        inner = getattr(config, str(field.type), None)
        if is_dataclass(inner) and inner.__module__.startswith("bridge.settings."):
            yield from fields(inner)
        else:
            yield field


def loaded(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load(path, {})


def test_the_example_names_every_setting_and_no_other() -> None:
    assert settings_of_example() == set(option_names())


def test_the_example_names_every_field_of_the_configuration() -> None:
    named = settings_of_example()

    sections = {section.name: getattr(config, str(section.type)) for section in fields(Config)}
    wanted = {
        f"{name}.{KEYS_OF_FIELDS.get(field.name, field.name)}"
        for name, section in sections.items()
        for field in settings_of(section)
    }

    assert wanted - named == set()


def test_the_example_loads_once_it_is_filled_in(tmp_path: Path) -> None:
    text = filled_in(EXAMPLE)

    assert "CHANGE ME" not in text.split("homeserver:", 1)[1]
    assert loaded(tmp_path, text).homeserver.domain == "example.org"


def test_the_example_as_it_is_asks_for_every_value_that_is_to_be_filled_in(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, EXAMPLE)

    asked = {problem.split(": ")[1].split(".")[1] for problem in caught.value.problems}
    assert asked == ANSWERS.keys()
    assert all("holds the placeholder" in problem for problem in caught.value.problems)


def test_the_defaults_that_the_example_shows_are_the_defaults(tmp_path: Path) -> None:
    def switched_on(match: re.Match[str]) -> str:
        return match[0] if match["key"] in WITHOUT_DEFAULT else match[0].replace("# ", "", 1)

    text = filled_in(EXAMPLE)

    assert loaded(tmp_path, SETTING.sub(switched_on, text)) == loaded(tmp_path, text)


def test_the_addresses_that_the_example_shows_are_those_of_the_global_cloud(
    tmp_path: Path,
) -> None:
    text = filled_in(EXAMPLE)
    on = text.replace("# graph_url:", "graph_url:").replace("# login_url:", "login_url:")

    assert loaded(tmp_path, on) == loaded(tmp_path, text)


def test_every_setting_of_the_example_has_words_above_it() -> None:
    lines = EXAMPLE.splitlines()
    above = {line: before for before, line in pairwise(lines)}
    bare = [line for line in above if SETTING.match(line) and "#" not in above[line]]

    assert [line for line in bare if "login_url" not in line] == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_of_a_command_has_an_example_that_works(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command.name.split(), "--help"])

    assert caught.value.code == 0
    assert f"example:\n  {command.example}\n" in capsys.readouterr().out
    program, *arguments = shlex.split(command.example.partition(" > ")[0])
    assert program == "teams-bridge"
    assert parser().parse_args(arguments).command is command


def readme() -> str:
    return (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_readme_names_every_command(command: Command) -> None:
    assert f"`teams-bridge {command.name}" in readme()


def metric_names() -> list[str]:
    metrics = [m for m in vars(telemetry).values() if isinstance(m, MetricWrapperBase)]
    described = [family for metric in metrics for family in metric.describe()]
    return [d.name + ("_total" if d.type == "counter" else "") for d in described]


@pytest.mark.parametrize("name", metric_names())
def test_the_readme_names_every_metric(name: str) -> None:
    assert f"`{name}`" in readme()


def test_the_readme_names_no_metric_that_there_is_not() -> None:
    assert set(re.findall(r"`(teams_bridge_\w+)`", readme())) - set(metric_names()) == set()


def feature_table() -> list[list[str]]:
    """Give the rows of the table under "Features", its head first and without its rule."""
    _, _, after = readme().partition("\n## Features\n")
    section = after.split("\n## ")[0]
    rows = [line.strip().strip("|").split("|") for line in section.splitlines() if "|" in line]
    cells = [[cell.strip() for cell in row] for row in rows]
    return [row for row in cells if set("".join(row)) - set("-: ")]


def test_the_readme_has_a_feature_table_for_both_directions() -> None:
    head, *rows = feature_table() or [[]]

    assert {"Teams → Matrix", "Matrix → Teams"} <= set(head)
    assert len(rows) >= 5
    assert [row for row in rows if len(row) != len(head) or not all(row)] == []


def test_every_file_that_the_readme_links_to_is_there() -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", readme())

    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_test_that_the_readme_names_exists() -> None:
    named = re.findall(r"`(tests/[^`\s]+)`", (ROOT / "README.md").read_text())

    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
