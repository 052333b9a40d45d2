"""Paths of the client-server API are what mautrix would write."""

from __future__ import annotations

from mautrix.api import Method as TheirMethod, Path as TheirPath

from bridge.matrix.paths import Method, Path

ROOM, EVENT = "!a/b c:example.org", "$Ev+ent?"


def test_what_is_not_a_word_of_the_api_is_quoted() -> None:
    ours = str(Path.v3.rooms[ROOM].event[EVENT])

    assert ours == "_matrix/client/v3/rooms/%21a%2Fb%20c%3Aexample.org/event/%24Ev%2Bent%3F"
    assert ours == str(TheirPath.v3.rooms[ROOM].event[EVENT])
    assert str(Path.unstable["org.x"].y) == str(TheirPath.unstable["org.x"].y)


def test_methods_are_those_of_http() -> None:
    assert all(str(method) == str(TheirMethod[method.name]) for method in Method)
