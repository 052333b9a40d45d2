"""The options behind a subscription's resource, and which messages they let through.

`?$search=Hello`, `?$filter=mentions/any(u: u/mentioned/user/id eq '…')`, `?model=A` and
`?notifyOnUserSpecificProperties=true` (learn.microsoft.com graph/teams-changenotifications-
chatmessage and -chat; graph/api subscription-post-subscriptions for `model`, which only decides
who pays). `?$filter=id in ('…','…')` names people, and is for presence alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from bridge.sandbox.tenant.errors import GraphError, Json, bad_request

PRESENCES_MAX = 650
"""People in one presence subscription (graph/changenotifications-for-presence)."""
SEARCH_MAX = 1024
"""Characters of a search text; Microsoft names no limit."""

SEARCH = "$search"
FILTER = "$filter"
MODEL = "model"
OWN_VIEW = "notifyonuserspecificproperties"

_MENTION = re.compile(
    r"mentions/any\(\s*(\w+)\s*:\s*(\w+)/mentioned/user/id\s+eq\s+'([^']+)'\s*\)", re.IGNORECASE
)
_IDS = re.compile(r"id\s+in\s+\((.*)\)", re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(r"\s*'([^']+)'\s*")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What stood behind the question mark."""

    search: str | None = None
    mentioned: str | None = None
    people: frozenset[str] = frozenset()
    own_view: bool = False


def parse(query: str, allowed: frozenset[str]) -> Options:
    """Read the options of a resource that takes those of `allowed`.

    Raises:
        GraphError: 400, there is one that it does not take, or one that makes no sense.
    """
    given: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        key = unquote(name).casefold()
        # Microsoft's own examples write this one with and without a dollar sign.
        key = OWN_VIEW if key == f"${OWN_VIEW}" else key
        if key not in allowed or key in given:
            msg = f"The query option '{unquote(name)}' is not supported for this resource."
            raise _refused(msg)
        given[key] = unquote(value)
    _check_model(given.get(MODEL))
    clause = given.get(FILTER)
    people = OWN_PEOPLE in allowed
    return Options(
        search=_search(given.get(SEARCH)),
        mentioned=None if clause is None or people else _mentioned(clause),
        people=frozenset() if clause is None or not people else _people(clause),
        own_view=_flag(given.get(OWN_VIEW, "false")),
    )


OWN_PEOPLE = "people"
"""Among the allowed: that `$filter` names people."""


def lets_through(search: str | None, mentioned: str | None, message: Json) -> bool:
    """Whether a message, in Graph's form, passes the filters."""
    if search is not None and search not in _words(message):
        return False
    return mentioned is None or mentioned in _mentions(message)


def _words(message: Json) -> str:
    body = message.get("body")
    text = str(body.get("content", "")) if isinstance(body, dict) else ""
    return _TAG.sub(" ", text).casefold()


def _mentions(message: Json) -> set[str]:
    """The ids of the users that the message mentions."""
    found: set[str] = set()
    mentions = message.get("mentions")
    for mention in mentions if isinstance(mentions, list) else ():
        who = mention.get("mentioned") if isinstance(mention, dict) else None
        user = who.get("user") if isinstance(who, dict) else None
        if isinstance(user, dict):
            found.add(str(user.get("id")))
    return found


def _search(text: str | None) -> str | None:
    if text is None:
        return None
    words = text.strip().strip('"').casefold()
    if not 0 < len(words) <= SEARCH_MAX:
        raise _refused("The value of $search is empty or too long.")
    return words


def _mentioned(clause: str) -> str:
    found = _MENTION.fullmatch(clause.strip())
    if found is None or found[1] != found[2]:
        msg = f"The filter '{clause}' is not supported for this resource."
        raise _refused(msg)
    return found[3]


def _people(clause: str) -> frozenset[str]:
    found = _IDS.fullmatch(clause.strip())
    each = [] if found is None else [_QUOTED.fullmatch(part) for part in found[1].split(",")]
    ids = frozenset(part[1] for part in each if part is not None)
    if None in each or not 0 < len(ids) <= PRESENCES_MAX:
        msg = f"A filter on presence names 1 to {PRESENCES_MAX} users: id in ('…','…')."
        raise _refused(msg)
    return ids


def _check_model(value: str | None) -> None:
    if value is not None and value.casefold() not in ("a", "b"):
        raise _refused("The value of 'model' must be A or B.")


def _flag(value: str) -> bool:
    if value.casefold() not in ("true", "false"):
        raise _refused("The value of 'notifyOnUserSpecificProperties' must be true or false.")
    return value.casefold() == "true"


def _refused(message: str) -> GraphError:
    return bad_request(message, "ExtensionError")
