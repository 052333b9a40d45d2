"""Policy violations: a message is blocked after it was delivered (data loss prevention).

An app with the permission and the licence sets it by PATCH; in the field it is Microsoft's own
service that does, which a control request plays.

Sources: learn.microsoft.com graph/api chatmessage-update and resources
chatmessagepolicyviolation; 402 without the licence is of graph/teams-licenses.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.sandbox.tenant import conversation, wire
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Channel, Chat, Message

CONDITIONS_MAX = 50
"""Descriptions in one policy tip."""
_KNOWN = {"dlpAction", "justificationText", "policyTip", "userAction", "verdictDetails"}
_TIP = {"complianceUrl", "generalText", "matchedConditionDescriptions"}
_FLAGS = {
    "dlpAction": ("none", "notifySender", "blockAccess", "blockAccessExternal"),
    "userAction": ("none", "override", "reportFalsePositive"),
    "verdictDetails": (
        "none",
        "allowFalsePositiveOverride",
        "allowOverrideWithoutJustification",
        "allowOverrideWithJustification",
    ),
}


def check_licence(tenant: Tenant) -> None:
    """Let through who has paid for it.

    Raises:
        GraphError: 402, the organisation has not.
    """
    if not tenant.settings.dlp_licensed:
        raise GraphError(
            402, "PaymentRequired", "The tenant has no license for data loss prevention of Teams."
        )


def read(value: object) -> Json:
    """A chatMessagePolicyViolation as a client sends it, in Microsoft's spelling.

    Raises:
        GraphError: 400 for anything malformed.
    """
    given = wire.as_object(value, "policyViolation")
    wire.only_known(given, _KNOWN, "chatMessagePolicyViolation")
    return {
        "dlpAction": _flags(given, "dlpAction"),
        "justificationText": wire.optional_text(given, "justificationText"),
        "userAction": _flags(given, "userAction"),
        "verdictDetails": _flags(given, "verdictDetails"),
        "policyTip": _tip(given.get("policyTip")),
    }


def apply(tenant: Tenant, place: Chat | Channel, message: Message, violation: Json | None) -> None:
    """Set the violation, or lift it with None; readers get it as an update that is no edit."""
    message.policy_violation = violation
    conversation.touch(tenant, place, message)


def _flags(given: Json, name: str) -> str | None:
    """One flag or several with commas, in any case; the service writes them in its own."""
    text = wire.optional_text(given, name)
    if text is None:
        return None
    known = {flag.casefold(): flag for flag in _FLAGS[name]}
    parts = [part.strip().casefold() for part in text.split(",")]
    if not known.keys() >= set(parts):
        msg = f"Cannot convert the literal '{text}' of '{name}' to the expected type."
        raise bad_request(msg)
    return ",".join(_once(known[part] for part in parts))


def _once(flags: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(flags))


def _tip(value: object) -> Json | None:
    if value is None:
        return None
    tip = wire.as_object(value, "policyTip")
    wire.only_known(tip, _TIP, "chatMessagePolicyViolationPolicyTip")
    name = "matchedConditionDescriptions"
    conditions = wire.as_list(tip.get(name) or [], name)
    if len(conditions) > CONDITIONS_MAX:
        raise bad_request("There are too many matched conditions.")
    return {
        "complianceUrl": wire.optional_text(tip, "complianceUrl"),
        "generalText": wire.optional_text(tip, "generalText"),
        name: [wire.as_text(item, name) for item in conditions],
    }
