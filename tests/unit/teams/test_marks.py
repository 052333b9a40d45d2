"""Subject, importance and policy violations: what is said around the words of a message."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.convert.matrix import render_matrix
from bridge.domain.content import from_text, plain_text
from bridge.teams import payloads
from bridge.teams.marks import PLAIN
from bridge.teams.trace import body_of, says
from tests.unit.teams.test_payloads import MESSAGE

WORDS = {"body": {"contentType": "text", "content": "Read this"}}


def read(**more: Any) -> payloads.ChatMessage:
    return payloads.chat_message({**MESSAGE, **WORDS, **more})


def shown(**more: Any) -> str:
    message = read(**more)
    return plain_text(message.marks.around(body_of(message)))


@pytest.mark.parametrize(
    ("marks", "text"),
    [
        ({"subject": None, "importance": "normal"}, "Read this"),
        ({"subject": "The big  subject"}, "The big subject\n\nRead this"),
        ({"importance": "high"}, "❗ Important\n\nRead this"),
        ({"importance": "Urgent"}, "🔔 Urgent\n\nRead this"),
        ({"importance": "urgent", "subject": "Fire"}, "🔔 Urgent\n\nFire\n\nRead this"),
        ({"importance": "unknownFutureValue"}, "Read this"),
        ({"importance": 3, "subject": ["x"]}, "Read this"),
    ],
)
def test_subject_and_importance_stand_before_the_words(marks: dict[str, Any], text: str) -> None:
    assert shown(**marks) == text


def test_a_subject_is_a_heading_and_an_importance_is_bold() -> None:
    message = read(subject="Fire", importance="urgent")
    html = render_matrix(message.marks.around(body_of(message)))[1]
    assert html == "<strong>🔔 Urgent</strong><h3>Fire</h3>Read this"


def test_an_unremarkable_message_is_its_bare_words() -> None:
    message = read(importance="normal", subject=None)
    assert message.marks is PLAIN
    assert message.marks.around(body_of(message)) == from_text("Read this")


def test_finding_our_own_message_compares_its_words_whatever_stands_around_them() -> None:
    assert says(read(importance="high", subject="Fire"), from_text("Read this"))
    assert says(read(policyViolation={"dlpAction": "blockAccess"}), from_text("Read this"))


@pytest.mark.parametrize(
    ("violation", "is_blocked"),
    [
        (None, False),
        ({}, False),
        ({"dlpAction": "none"}, False),
        ({"dlpAction": "notifySender"}, False),
        ({"dlpAction": "blockAccess"}, True),
        ({"dlpAction": "blockAccessExternal"}, True),
        ({"dlpAction": "NotifySender, BlockAccess"}, True),
        ({"dlpAction": "blockAccess", "userAction": "none", "verdictDetails": "none"}, True),
        ({"dlpAction": "blockAccess", "userAction": "override",
          "verdictDetails": "allowOverrideWithJustification"}, False),
        ({"dlpAction": "blockAccess", "userAction": "override", "verdictDetails": "none"}, True),
        ({"dlpAction": "blockAccess", "userAction": "reportFalsePositive",
          "verdictDetails": "allowFalsePositiveOverride"}, False),
        ({"dlpAction": "blockAccess", "userAction": "reportFalsePositive"}, True),
        ({"dlpAction": ["blockAccess"]}, False),
        ("blockAccess", False),
    ],
)  # fmt: skip
def test_a_policy_blocks_unless_the_sender_may_overrule_it_and_did(
    violation: object, is_blocked: bool
) -> None:
    assert read(policyViolation=violation).marks.is_blocked is is_blocked
