"""What there is to choose from: Microsoft's clouds, and the words for kinds of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.settings import fits
from bridge.settings.document import Section

GHOST_NAME_DEFAULT = "{name} (Teams{kind})"
GHOST_WORDS: Mapping[str, str] = {
    "guest": "guest",
    "federated": "external",
    "consumer": "personal",
    "anonymous": "anonymous",
    "phone": "phone",
    "email": "e-mail",
    "bot": "bot",
    "webhook": "webhook",
    "disabled": "disabled",
    "deleted": "deleted",
    "person": "person",
}
"""What the kinds of people, and what became of them, are called in the names of ghosts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Where one of Microsoft's clouds has Graph and sign-in."""

    graph_url: str
    login_url: str


# learn.microsoft.com, "Microsoft Graph national cloud deployments".
CLOUDS = {
    "global": Cloud(
        graph_url="https://graph.microsoft.com", login_url="https://login.microsoftonline.com"
    ),
    "gcc_high": Cloud(
        graph_url="https://graph.microsoft.us", login_url="https://login.microsoftonline.us"
    ),
    "dod": Cloud(
        graph_url="https://dod-graph.microsoft.us", login_url="https://login.microsoftonline.us"
    ),
    "china": Cloud(
        graph_url="https://microsoftgraph.chinacloudapi.cn",
        login_url="https://login.partner.microsoftonline.cn",
    ),
}


def cloud_of(section: Section) -> Cloud:
    """Read which cloud it is: by name, or by both of its addresses."""
    cloud = section.optional(
        "cloud", fits.one_of(CLOUDS), "for example global", default=CLOUDS["global"]
    )
    addresses = {
        key: section.optional(key, fits.endpoint_address, f"for example {example}", default=example)
        for key, example in (("graph_url", cloud.graph_url), ("login_url", cloud.login_url))
    }
    given = [key for key in addresses if section.given(key)]
    for key in given:
        if section.given("cloud"):
            section.wrong(key, "is given beside cloud", "keep cloud, or both addresses")
    if len(given) == 1:
        other = next(key for key in addresses if key not in given)
        section.missing(other, f"{given[0]} wants both addresses, or name the cloud instead")
    return Cloud(**addresses)
