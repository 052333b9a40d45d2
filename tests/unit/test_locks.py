"""The locks in deploy/ belong to pyproject.toml and say nothing but names, versions and hashes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAME = PROJECT["project"]["name"]
LOCKS = {"run": "embedded", "demo": "demo", "dev": "dev"}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def lines(lock: str) -> Iterator[str]:
    """One for each package, with its hashes."""
    text = (ROOT / f"deploy/requirements-{lock}.txt").read_text()
    without_comments = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE)
    yield from without_comments.replace("\\\n", " ").splitlines()


def pins(lock: str) -> dict[str, str]:
    requirements = [Requirement(line.split(" --hash")[0]) for line in lines(lock)]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in requirements}


def wanted(extra: str | None) -> Iterator[Requirement]:
    project = PROJECT["project"]
    listed = project["optional-dependencies"][extra] if extra else project["dependencies"]
    for requirement in map(Requirement, listed):
        if requirement.name == NAME:
            for other in requirement.extras:
                yield from wanted(other)
        else:
            yield requirement


@pytest.mark.parametrize(("lock", "extra"), LOCKS.items())
def test_a_lock_satisfies_the_ranges_it_was_made_from(lock: str, extra: str) -> None:
    locked = pins(lock)
    backend = map(Requirement, PROJECT["build-system"]["requires"])

    unmet = [
        str(requirement)
        for requirement in (*wanted(None), *wanted(extra), *backend)
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"))
    ]

    assert unmet == [], "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_hashes_and_no_address(lock: str) -> None:
    for line in lines(lock):
        assert HASH.search(line), line
        assert "/" not in line, line


@pytest.mark.parametrize("lock", ["run", "demo"])
def test_the_locks_agree_on_every_version(lock: str) -> None:
    everything = pins("dev")

    assert {
        name: version for name, version in pins(lock).items() if everything[name] != version
    } == {}
