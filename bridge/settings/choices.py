"""What there is to choose from: levels, bounds of numbers, words for kinds of people, clouds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bridge.domain.values import dataclass
from bridge.settings import fits
from bridge.settings.document import Section

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]

LEVELS: dict[str, Level] = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
}
FORMATS: dict[str, Format] = {"auto": "auto", "json": "json", "console": "console"}

LIMITS_PERCENT_DEFAULT = 100
LIMITS_PERCENT_MAX = 100_000
"""A simulated tenant without limits."""
MEGABYTE = 1024 * 1024
MEDIA_SIZE_DEFAULT_MB = 100
MEDIA_SIZE_MAX_MB = 256_000
"""SharePoint takes no larger file than 250 GB (learn.microsoft.com sharepoint-online-limits)."""

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
    """Where one of Microsoft's clouds has Graph and sign-in, and on which hosts files."""

    graph_url: str
    login_url: str
    file_hosts: tuple[str, ...]


# learn.microsoft.com, "Microsoft Graph national cloud deployments"; hosts of files from the pages of
# microsoft-365/enterprise: urls-and-ip-address-ranges (SharePoint Online and OneDrive),
# microsoft-365-u-s-government-gcc-high-endpoints and -dod-endpoints (ID 9), urls-and-ip-address-
# ranges-21vianet; *.svc.ms is where SharePoint's own services answer (ID 39). The last of the global
# ones has the stickers that Teams offers.
CLOUDS = {
    "global": Cloud(
        graph_url="https://graph.microsoft.com",
        login_url="https://login.microsoftonline.com",
        file_hosts=("*.sharepoint.com", "*.svc.ms", "statics.teams.cdn.office.net"),
    ),
    "gcc_high": Cloud(
        graph_url="https://graph.microsoft.us",
        login_url="https://login.microsoftonline.us",
        file_hosts=("*.sharepoint.us", "*.svc.ms"),
    ),
    "dod": Cloud(
        graph_url="https://dod-graph.microsoft.us",
        login_url="https://login.microsoftonline.us",
        file_hosts=("*.sharepoint-mil.us", "*.dps.mil", "*.svc.ms"),
    ),
    "china": Cloud(
        graph_url="https://microsoftgraph.chinacloudapi.cn",
        login_url="https://login.partner.microsoftonline.cn",
        file_hosts=("*.sharepoint.cn", "*.svc.ms"),
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
    hosts = section.optional(
        "file_hosts",
        fits.host_patterns,
        "name hosts, or *. and what they end with, for example *.sharepoint.com",
        default=cloud.file_hosts,
    )
    return Cloud(**addresses, file_hosts=hosts)
