"""The section `double_puppets`: who is who, so that people speak as themselves in Matrix as well.

The list is read with the configuration, so that whoever checks that learns of every bad line, and
again while the bridge runs (`app.pairing_list`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path

from bridge.domain.ids import UserId
from bridge.domain.likeness import is_account
from bridge.domain.pairing import SLOTS, Rules, is_user_id, slots_of
from bridge.domain.values import dataclass
from bridge.domain.viewpoints import Reads
from bridge.settings import fits
from bridge.settings.document import Section

LIST_BYTES_MAX = 64 * 1024 * 1024
"""Some 600,000 people."""
LINES_TOLD_MAX = 20
"""Of bad lines; the others are counted."""
HEADER = ("teams_user", "mxid")
ID_DEFAULT = "teams-double-puppets"
READS = {one.value: one for one in Reads}
SUBSCRIPTIONS_DEFAULT = 9_000
SUBSCRIPTIONS_MAX = 10_000
"""Of one organisation, which all its apps share (learn.microsoft.com graph/change-notifications-overview)."""
RULE_HINT = "for example @{upn_localpart}:example.org"
LIST_HINT = "name a CSV file whose first line is teams_user,mxid"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoublePuppets:
    """The second registration; without `as_token` everybody is heard by their ghosts.

    `rule` is a template over properties of the directory, `pairs` what the list in `pairs_file` says.
    `join_rooms`: whether people are brought into the rooms of their conversations, or invited.
    `reads`: to whom it is shown what signed-in people have read in Teams; `tag_hidden`: whether chats
    that they hide get low priority; `subscriptions_max`: for so many of them at most.
    """

    id: str = ID_DEFAULT
    as_token: str | None = field(default=None, repr=False)
    rule: str | None = None
    pairs: Mapping[str, UserId] = field(default_factory=dict, repr=False)
    pairs_file: Path | None = None
    join_rooms: bool = True
    reads: Reads = Reads.PUBLIC
    tag_hidden: bool = True
    subscriptions_max: int = SUBSCRIPTIONS_DEFAULT

    @property
    def rules(self) -> Rules:
        return Rules(pairs=self.pairs, rule=self.rule)

    @property
    def follows_views(self) -> bool:
        """Tell whether it is to be known how people see their chats in Teams."""
        return self.as_token is not None and (self.reads is not Reads.NEVER or self.tag_hidden)


def double_puppets(section: Section, appservice: Section, generate: str) -> DoublePuppets:
    """Read the section; `appservice` has other tokens, `generate` says how one is made."""
    path = section.optional("pairs", section.file, LIST_HINT, default=None)
    made = DoublePuppets(
        id=section.optional("id", fits.localpart, f"for example {ID_DEFAULT}", default=ID_DEFAULT),
        as_token=section.optional("as_token", fits.token, generate, default=None, secret=True),
        rule=section.optional("rule", rule, RULE_HINT, default=None),
        pairs=_pairs(section, path),
        pairs_file=path,
        join_rooms=section.flag("join_rooms", default=True),
        reads=section.optional(
            "reads", fits.one_of(READS), "public, private or never", default=Reads.PUBLIC
        ),
        tag_hidden=section.flag("tag_hidden", default=True),
        subscriptions_max=section.optional(
            "subscriptions_max",
            fits.number(1, SUBSCRIPTIONS_MAX),
            f"a number from 1 to {SUBSCRIPTIONS_MAX}",
            default=SUBSCRIPTIONS_DEFAULT,
        ),
    )
    _check_tokens(section, appservice, generate)
    if made.as_token is None and section.sound("as_token"):
        for key in ("rule", "pairs"):
            if section.given(key):
                section.missing("as_token", f"{key} is of no use without it; {generate}")
                break
    return made


def _check_tokens(section: Section, appservice: Section, generate: str) -> None:
    mine = section.found.get("as_token")
    for key in ("as_token", "hs_token"):
        other = appservice.found.get(key)
        if mine is not None and other is not None and mine.texts == other.texts:
            section.wrong("as_token", f"is the same as appservice.{key}", generate)


def rule(text: str) -> str:
    """Fit a template of a user id."""
    unknown = [slot for slot in slots_of(text) if slot not in SLOTS]
    if unknown:
        there_are = ", ".join(f"{{{one}}}" for one in SLOTS)
        problem = f"holds other braces than {there_are}"
        raise fits.Unfit(problem)
    if not slots_of(text):
        raise fits.Unfit("names the same user for everybody")
    plain = text
    for slot in SLOTS:
        plain = plain.replace(f"{{{slot}}}", "x")
    if not is_user_id(plain):
        raise fits.Unfit("makes no Matrix user id")
    if "{" in text.partition(":")[2]:
        raise fits.Unfit("leaves the homeserver to the directory")
    return text


def _pairs(section: Section, path: Path | None) -> Mapping[str, UserId]:
    if path is None:
        return {}
    found, problems = read_list(path)
    for problem, hint in problems:
        section.wrong("pairs", problem, hint)
    return found


def read_list(path: Path) -> tuple[dict[str, UserId], list[tuple[str, str]]]:
    """Read a list from its file; return the pairs, and what is wrong with it, each with what to do."""
    try:
        if path.stat().st_size > LIST_BYTES_MAX:
            return {}, [(f"is larger than {LIST_BYTES_MAX} bytes", LIST_HINT)]
        text = path.read_text(encoding="utf-8-sig")
        if not text.strip():  # Perhaps it is just being written.
            return {}, [("is empty", LIST_HINT)]
        found, bad = read_pairs(text)
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}, [("cannot be read as text in UTF-8 with commas", LIST_HINT)]
    told = [
        (f"has a bad line {line}, which {problem}", "mend or remove the line")
        for line, problem in bad[:LINES_TOLD_MAX]
    ]
    if len(bad) > LINES_TOLD_MAX:
        told.append((f"has {len(bad) - LINES_TOLD_MAX} more bad lines", "mend or remove them"))
    return found, told


def read_pairs(text: str) -> tuple[dict[str, UserId], list[tuple[int, str]]]:
    """Read a list; return pairs by user id or principal name, and the bad lines with what is wrong."""
    found: dict[str, UserId] = {}
    owners: dict[str, int] = {}
    problems: list[tuple[int, str]] = []
    for line, row in _rows(text):
        problem = _problem(row, found, owners)
        if problem is not None:
            problems.append((line, problem))
            continue
        key, user = row[0].lower(), row[1]
        found[key], owners[user] = UserId(user), line
    return found, problems


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text.splitlines(), strict=True)
    for number, cells in enumerate(reader):
        row = [cell.strip() for cell in cells]
        is_header = number == 0 and tuple(cell.lower() for cell in row) == HEADER
        if any(row) and not is_header and not row[0].startswith("#"):
            yield reader.line_num, row


def _problem(row: list[str], found: Mapping[str, UserId], owners: Mapping[str, int]) -> str | None:
    if len(row) != len(HEADER):
        return f"has {len(row)} values, not two"
    key, user = row[0].lower(), row[1]
    if not is_account(key) and "@" not in key:
        return "begins with neither a user id (a GUID) nor a user principal name"
    if not is_user_id(user):
        return "names no Matrix user (as @alex:example.org, in small letters)"
    if key in found:
        return "names a person of Teams a second time"
    if user in owners:
        return f"names the Matrix user of line {owners[user]}: two people cannot share one"
    return None
