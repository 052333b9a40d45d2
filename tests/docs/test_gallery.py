"""`docs/gallery.md` says what the converters do, and has a picture for every case."""

from __future__ import annotations

import asyncio

import pytest

from tests.docs.gallery import page
from tests.docs.gallery.outward import Said, say_all
from tests.docs.gallery.outward_cases import SAYINGS
from tests.docs.gallery.showing import Shown, show


@pytest.fixture(scope="module")
def shown() -> list[Shown]:
    return asyncio.run(show(page.CASES))


@pytest.fixture(scope="module")
def said() -> list[Said]:
    return asyncio.run(say_all())


def test_the_gallery_says_what_the_bridge_does(shown: list[Shown], said: list[Said]) -> None:
    told = page.DOCUMENT.read_text(encoding="utf-8")

    assert told == page.document(shown, said), f"write it anew: {page.COMMAND}"


def test_every_case_becomes_something_that_people_see(shown: list[Shown]) -> None:
    assert [one.case.name for one in shown if not one.events] == []


def test_every_saying_is_something_that_is_asked_of_teams(said: list[Said]) -> None:
    assert [one.saying.title for one in said if not one.asked] == []


def test_every_heading_has_a_link_of_its_own() -> None:
    titles = [*(case.title for case in page.CASES), *(one.title for one in SAYINGS)]
    assert len({page.anchor(title) for title in titles}) == len(titles)


def test_every_case_has_a_picture_and_a_name_of_its_own() -> None:
    names = [case.name for case in page.CASES]

    assert len(set(names)) == len(names)
    assert {f"{name}.png" for name in names} == {p.name for p in page.PICTURES.glob("*.png")}
