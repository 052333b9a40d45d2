"""Where something is asked of the homeserver, and how: the words of the client-server API.

    Path.v3.rooms[room].state[kind][key]  ->  _matrix/client/v3/rooms/%21a%3Ab/state/m.room.name/

As mautrix writes them, whose own come with its whole package of types: an eleventh of all imports
(56 ms and 5 MB, mautrix 0.21.1), for nine calls of which each is one line (ADR 25).
"""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote

from typing_extensions import override


class Method(StrEnum):
    """A method of HTTP."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"


class PathBuilder:
    """A path that grows: by a word of the API with a dot, by anything else in brackets."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    @override
    def __str__(self) -> str:
        return self._path

    def __getattr__(self, word: str) -> PathBuilder:
        return PathBuilder(f"{self._path}/{word}")

    def __getitem__(self, part: str) -> PathBuilder:
        return PathBuilder(f"{self._path}/{quote(part, safe='')}")


Path = PathBuilder("_matrix/client")
