"""Where bytes may be fetched from: Microsoft's hosts of the configured cloud, and nowhere else. Pure.

    address ─▶ printable ASCII, https, no user, port 443 ─▶ Graph, or one of `teams.file_hosts`

Graph's own address is always among them, with the scheme and the port that are configured: there
the simulated tenant has its files. An address is parsed once, and what was checked is what is asked.
"""

from __future__ import annotations

import re
from typing import Self

from yarl import URL

from bridge.config import Teams
from bridge.domain.values import dataclass

ADDRESS_CHARS_MAX = 8 * 1024
"""The ticket in the address of a download takes some two thousand."""
_ADDRESS = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_PORT = 443
_ANY = "*."


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Graph's own address, and patterns of hosts: a name, or `*.` and what it ends with."""

    graph: URL
    files: tuple[str, ...]

    @classmethod
    def of(cls, teams: Teams) -> Self:
        return cls(graph=URL(teams.graph_url).origin(), files=teams.file_hosts)

    def permitted(self, address: str) -> URL | None:
        """Return an address as it may be asked; None if it leads elsewhere."""
        url = parsed(address)
        if url is None or url.user is not None or url.password is not None:
            return None
        if url.origin() == self.graph:
            return url.with_fragment(None)
        right = url.scheme == "https" and url.port == _PORT and self._is_file_host(url.host or "")
        return url.with_fragment(None) if right else None

    def is_graph(self, url: URL) -> bool:
        return url.origin() == self.graph

    def _is_file_host(self, host: str) -> bool:
        if not _HOST.fullmatch(host):
            return False
        return any(
            host.endswith(pattern[1:]) if pattern.startswith(_ANY) else host == pattern
            for pattern in self.files
        )


def parsed(address: str) -> URL | None:
    """Return an absolute web address; None for anything else."""
    if len(address) > ADDRESS_CHARS_MAX or not _ADDRESS.fullmatch(address):
        return None
    try:
        url = URL(address, encoded=True)
        usable = url.scheme in {"http", "https"} and bool(url.host) and url.port is not None
    except ValueError:
        return None
    return url if usable else None
