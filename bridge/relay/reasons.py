"""Why something has not arrived: the errors that the journal keeps -> a reason for its sender. Pure.

An error is written for operators: it may name apps, tenants, addresses and whatever a network says.
None of its words reaches a room; it is looked at for marks of ours only, the first that is found.
"""

from __future__ import annotations

import re

from bridge.ports import Reason

ERROR_CHARS_MAX = 2_000
"""Of an error that are looked at; what a network says is cut long before."""

_MARKS: tuple[tuple[Reason, str], ...] = (
    (Reason.BUG, r"^bug: "),
    (Reason.UNCLEAR, r"^gave up after |it may have been (this one|one of them)$"),
    (Reason.NOT_ALL, r"would lose what else"),
    (Reason.FILES_FORBIDDEN, r"\bFiles\.ReadWrite"),
    (Reason.FILE_MISSING, r"the file (is not on|cannot be had|is encrypted)"),
    (Reason.NO_PLACE, r"no place for the file"),
    (
        Reason.ADMINISTRATOR,
        r"\bentra\b|teams\.(client|tenant|certificate|graph)|admin(istrator)? (consent|must)"
        r"|missing (role|scope) permissions|insufficient privileges|as_token|conditional access"
        r"|invalid_client|unauthorized_client|sign-in library",
    ),
    (
        Reason.SIGN_IN,
        r"sign(ed)? in\b.*\bagain|nobody is signed in|sign-in was (revoked|reset|declined)"
        r"|microsoft('s sign-in refuses| wants| account)|no token is accepted",
    ),
    (Reason.TOO_LARGE, r"too large|answers 413\b"),
    (Reason.NOT_ALLOWED, r"does not let this account|answers 403\b"),
    (Reason.GONE, r"no longer exists|answers (404|410)\b"),
    (Reason.TARGET_MISSING, r"what it refers to|has not crossed"),
    (Reason.BUSY, r"answers (429|509)\b|asks for patience|throttl|other files are being"),
    (
        Reason.AWAY,
        r"answers (408|5\d\d)\b|cannot be reached|broken off|not able|is away|went away"
        r"|not connected|no answer|timed? ?out|took a message without|not the answer|no json",
    ),
)
_PATTERNS = tuple((reason, re.compile(mark, re.IGNORECASE)) for reason, mark in _MARKS)


def reason_of(error: str, *, is_parked: bool, is_entry: bool) -> Reason:
    """Say in one of few words what an error means for whoever wrote the message."""
    for reason, pattern in _PATTERNS:
        if pattern.search(error[:ERROR_CHARS_MAX]):
            return reason
    if is_entry:
        return Reason.UNREADABLE
    return Reason.REFUSED if is_parked else Reason.AWAY
