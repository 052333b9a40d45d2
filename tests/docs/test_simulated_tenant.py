"""docs/simulated-tenant.md says what the simulated tenant does, and no more."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

import pytest

from bridge.sandbox.tenant import __main__ as program
from bridge.sandbox.tenant.client import TenantControl
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tenant.settings import Settings
from tests.docs.tenant_operations import DOCUMENT, PARTS, parts_of, renewed, settings

TEXT = DOCUMENT.read_text()
EXAMPLE = re.compile(r"""curl -s (-X \w+ )?\$TENANT/(\S+) -d ['"](.*)['"]$""", re.MULTILINE)
RENEW = "run `.venv/bin/python -m tests.docs.tenant_operations --write`"


def test_the_lists_are_up_to_date() -> None:
    assert parts_of(TEXT) == PARTS.keys()
    assert renewed(TEXT) == TEXT, RENEW


def test_every_option_of_the_program_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[argparse.ArgumentParser] = []

    def keep(parser: argparse.ArgumentParser) -> None:
        found.append(parser)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", keep)
    program._options()
    known = set(re.findall(r"(?<!-)--[a-z]+", found[0].format_help())) - {"--help"}

    assert known == set(re.findall(r"`(--[a-z]+)", TEXT))


def test_every_setting_has_words_on_why_there_is_a_choice() -> None:
    assert [line for line in settings().splitlines() if line.endswith("|  |")] == []


def test_every_setting_that_the_text_names_is_there() -> None:
    named = set(re.findall(r"setting `(\w+)`", TEXT))

    assert named <= Settings.__dataclass_fields__.keys()


async def test_the_examples_work() -> None:
    known: dict[str, str] = {}
    async with TenantServer() as server, TenantControl(await server.start()) as control:
        tenant = await control.create_tenant()
        for option, path, body in EXAMPLE.findall(TEXT):
            for name, value in known.items():
                path, body = path.replace(name, value), body.replace(name, value)  # noqa: PLW2901
            method = option.strip().removeprefix("-X ") or "POST"
            answer = await tenant.call(method, f"/{path}", json.loads(body.replace('\\"', '"')))
            known |= found_in(path, answer)

    assert known.keys() == {"$ALICE", "$BOB", "$CHAT", "$APP"}


def found_in(path: str, answer: dict[str, Any]) -> dict[str, str]:
    """What later examples need of an answer."""
    match path:
        case "users":
            names = ("$ALICE", "$BOB")
            return {n: user["id"] for n, user in zip(names, answer["users"], strict=True)}
        case "chats":
            return {"$CHAT": answer["id"]}
        case "apps":
            return {"$APP": answer["client_id"]}
        case _:
            return {}
