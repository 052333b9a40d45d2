"""Policy violations: who sets them, in which words, and for what price."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.sandbox.tenant.place import Place
from tests.unit.sandbox.tenant.test_messages import grant, messages

VIOLATION = {
    "policyTip": {
        "generalText": "This item has been blocked by the administrator.",
        "complianceUrl": "https://contoso.example/dlp-policy-page",
        "matchedConditionDescriptions": ["Credit Card Number"],
    },
    "verdictDetails": "AllowFalsePositiveOverride",
    "dlpAction": "BlockAccess",
}


async def test_an_app_sets_a_policy_violation_and_nothing_else(place: Place) -> None:
    await grant(place, roles=("Chat.UpdatePolicyViolation.All",))
    number = await place.tenant.type(place.group, place.bob.id, "4111 1111 1111 1111")
    path = f"{messages(place)}/{number}"
    done = await place.graph(None, "PATCH", path, {"policyViolation": VIOLATION})
    seen = (await place.graph(place.alice, "GET", path)).body
    other = await place.graph(None, "PATCH", path, {"body": {"content": "x"}})
    mixed = {"policyViolation": VIOLATION, "subject": "x"}

    assert done.status == 200
    assert seen["policyViolation"]["dlpAction"] == "blockAccess"
    assert seen["policyViolation"]["verdictDetails"] == "allowFalsePositiveOverride"
    assert seen["policyViolation"]["policyTip"] == VIOLATION["policyTip"]
    assert seen["lastEditedDateTime"] is None
    assert int(seen["etag"]) > int(seen["id"])
    assert (other.status, other.code) == (412, "PreconditionFailed")
    assert (await place.graph(None, "PATCH", path, mixed)).status == 412


async def test_policy_violations_are_paid_for(place: Place) -> None:
    await grant(place, roles=("Chat.UpdatePolicyViolation.All",))
    await place.tenant.change_settings(dlp_licensed=False)
    number = await place.tenant.type(place.group, place.bob.id, "hi")
    body = {"policyViolation": VIOLATION}
    answer = await place.graph(None, "PATCH", f"{messages(place)}/{number}", body)

    assert (answer.status, answer.code) == (402, "PaymentRequired")


@pytest.mark.parametrize(
    "violation",
    [
        None,
        7,
        {"dlpAction": "explode"},
        {"dlpAction": 1},
        {"dlpAction": ""},
        {"surprise": 1},
        {"policyTip": []},
        {"policyTip": {"matchedConditionDescriptions": "one"}},
        {"policyTip": {"matchedConditionDescriptions": [1]}},
        {"policyTip": {"matchedConditionDescriptions": ["x"] * 51}},
        {"policyTip": {"surprise": 1}},
    ],
)
async def test_a_violation_that_makes_no_sense_is_refused(place: Place, violation: Any) -> None:
    await grant(place, roles=("Chat.UpdatePolicyViolation.All",))
    number = await place.tenant.type(place.group, place.bob.id, "hi")
    body = {"policyViolation": violation}
    answer = await place.graph(None, "PATCH", f"{messages(place)}/{number}", body)

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_people_set_no_policy_violation(place: Place) -> None:
    sent = await place.say(place.alice, place.group, "hi")
    body = {"body": {"content": "x"}, "policyViolation": VIOLATION}
    answer = await place.graph(place.alice, "PATCH", f"{messages(place)}/{sent.body['id']}", body)

    assert (answer.status, answer.code) == (403, "Forbidden")
