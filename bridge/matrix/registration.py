"""The registration file: what the homeserver must know of us before it will talk to us.

Everything in it comes from the configuration, nothing is random: writing it again gives the same
file. Fields: Matrix spec v1.19, Application Service API, "Registration".
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from bridge.config import Config
from bridge.domain.ids import digest
from bridge.matrix.marks import PROTOCOL
from bridge.matrix.names import PERSON_SLOT, PLACE_SLOT, Names

_GHOST_PART = "[a-z0-9.=-]+"
_ALIAS_PART = "[a-z2-7]+"
_LINE_CHARS_MAX = 4_096
"""No line is folded: tokens and regexes stay on theirs."""

_HEAD = """\
How the homeserver and the bridge know each other. It holds secrets: chmod 600.

Synapse: put it where Synapse can read it, name it in homeserver.yaml, restart Synapse.

    app_service_config_files:
      - /etc/matrix-synapse/teams-registration.yaml

Made from config.yaml. After a change there make it anew, and restart the homeserver, which reads
this file at its start only:

    teams-bridge registration -c config.yaml -o teams-registration.yaml
"""

_COMMENTS: Mapping[str, str] = {
    "id": "A name that no other application service of this homeserver has.",
    "url": "Where the homeserver reaches the bridge: appservice.address.",
    "as_token": "The secret the bridge shows to the homeserver: appservice.as_token.",
    "hs_token": "The secret the homeserver shows to the bridge: appservice.hs_token.",
    "sender_localpart": "A user that never speaks; the bot is another one, in the namespace below.",
    "namespaces": "Ghosts, the bot and the rooms' addresses belong to the bridge alone.",
    "protocols": "People and channels are looked for under this name, if bridge.open_search is on.",
    "rate_limited": "Whoever speaks in Teams has been limited there.",
    "receive_ephemeral": (
        "How far people have read: who is signed in has read it in Teams, too. Typing and presence come\n"
        "with it, and nothing is done with them."
    ),
    "io.element.msc4190": (
        "The bridge gives its users a device. With it the homeserver recognises a message that is\n"
        "sent twice, even after a crash of its own. Needs Synapse 1.141 or newer."
    ),
}

_PUPPETS_HEAD = """\
With this the bridge may act as any user of the homeserver, so that what people do in Teams appears
under their own Matrix account. Whoever has the as_token can do so, too: chmod 600.

Synapse: put it beside the other registration file of the bridge, name it in homeserver.yaml as well,
restart Synapse. Made with that other one by `teams-bridge registration`.
"""

_PUPPETS_COMMENTS: Mapping[str, str] = {
    "url": "The homeserver pushes nothing here; what people say comes by the other registration.",
    "as_token": "The secret the bridge shows to the homeserver: double_puppets.as_token.",
    "hs_token": "Never used, as nothing is pushed; a homeserver wants one.",
    "namespaces": "Everybody, and nobody for the bridge alone.",
    "rate_limited": "Whoever speaks in Teams has been limited there.",
}


def registration(config: Config) -> dict[str, Any]:
    """Return the registration as a homeserver wants it."""
    appservice = config.appservice
    return {
        "id": appservice.id,
        "url": appservice.address,
        "as_token": appservice.as_token,
        "hs_token": appservice.hs_token,
        "sender_localpart": Names.of(config).sender_localpart,
        "namespaces": _namespaces(config),
        "protocols": [PROTOCOL["id"]],
        "rate_limited": False,
        "receive_ephemeral": True,
        "de.sorunome.msc2409.push_ephemeral": True,
        "io.element.msc4190": True,
    }


def _namespaces(config: Config) -> dict[str, Any]:
    appservice = config.appservice
    ghosts = _pattern(appservice.ghost_localpart, PERSON_SLOT, _GHOST_PART)
    aliases = _pattern(appservice.alias_localpart, PLACE_SLOT, _ALIAS_PART)
    server = re.escape(config.homeserver.domain)
    # Anchored at both ends: some homeservers search where Synapse matches from the start.
    users = (f"^@{ghosts}:{server}$", f"^@{re.escape(appservice.bot_localpart)}:{server}$")
    return {
        "users": [{"exclusive": True, "regex": regex} for regex in users],
        "aliases": [{"exclusive": True, "regex": f"^#{aliases}:{server}$"}],
        "rooms": [],
    }


def double_puppets(config: Config) -> dict[str, Any]:
    """Return the second registration: it lets us act as people, and is told nothing.

    Without `io.element.msc4190`, so that it may sign in: only that tells whether an account is active
    (`puppets`).
    """
    server = re.escape(config.homeserver.domain)
    return {
        "id": config.double_puppets.id,
        "url": None,
        "as_token": config.double_puppets.as_token,
        "hs_token": digest("double puppets", config.appservice.hs_token),
        "sender_localpart": f"{Names.of(config).sender_localpart}-double-puppets",
        "namespaces": {
            "users": [{"exclusive": False, "regex": f"^@.*:{server}$"}],
            "aliases": [],
            "rooms": [],
        },
        "rate_limited": False,
        "receive_ephemeral": False,
        "de.sorunome.msc2409.push_ephemeral": False,
    }


def _pattern(template: str, slot: str, part: str) -> str:
    before, _, after = template.partition(slot)
    return f"{re.escape(before)}{part}{re.escape(after)}"


def registration_yaml(config: Config) -> str:
    """Return the registration as a file that says what to do with it."""
    return _yaml(registration(config), _HEAD, _COMMENTS)


def double_puppets_yaml(config: Config) -> str:
    """Return the second registration in the same way."""
    return _yaml(double_puppets(config), _PUPPETS_HEAD, _PUPPETS_COMMENTS)


def _yaml(values: Mapping[str, Any], head: str, comments: Mapping[str, str]) -> str:
    document = CommentedMap((name, _quoted(value)) for name, value in values.items())
    for name, comment in comments.items():
        document.yaml_set_comment_before_after_key(name, before="\n" + comment)
    yaml = YAML()
    yaml.width = _LINE_CHARS_MAX
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    text.writelines(f"# {line}".rstrip() + "\n" for line in head.splitlines())
    yaml.dump(document, text)
    return text.getvalue()


def _quoted(value: object) -> object:
    """Quote every string: a token of digits must not become a number."""
    if isinstance(value, str):
        return SingleQuotedScalarString(value)
    if isinstance(value, dict):
        return {name: _quoted(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_quoted(inner) for inner in value]
    return value
