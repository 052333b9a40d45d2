"""What an operator can do about an error of Graph: one sentence each. Pure."""

from __future__ import annotations

from bridge.teams.answers import GraphRejected, PermissionMissing

_BAD_REQUEST = 400
_FORBIDDEN = 403
_PERMISSIONS = "Entra > App registrations > API permissions"


def subscription_advice(error: Exception, permission: str) -> str | None:
    """Say what keeps us from subscribing; None where waiting is all there is to do."""
    if isinstance(error, PermissionMissing):
        return (
            f"add the application permission {permission} of Microsoft Graph and grant admin "
            f"consent in {_PERMISSIONS}"
        )
    if isinstance(error, GraphRejected) and error.status == _BAD_REQUEST:
        return (
            "Graph must reach teams.webhook_url from the internet, over https with a certificate "
            "of a public authority, and get its validation token back within 10 seconds"
        )
    return None


def delivery_refusal(error: GraphRejected) -> str:
    """Say why a message cannot be posted, for the one who wrote it."""
    if error.status == 413:  # noqa: PLR2004
        return "Teams finds the message too large"
    if error.status == _FORBIDDEN:
        return (
            "Teams does not let this account write here: it is no longer in the chat or team, or "
            f"nobody consented to ChatMessage.Send or ChannelMessage.Send ({error.code})"
        )
    if error.status == 404:  # noqa: PLR2004
        return "the Teams conversation no longer exists, or this account is not in it"
    return str(error)


def organising_refusal(error: GraphRejected) -> str:
    """Say why a conversation is not changed, for the one who wanted it."""
    if error.status == _FORBIDDEN:
        return "Teams does not let you do that here, or a policy of your organisation forbids it"
    if error.status == 404:  # noqa: PLR2004
        return "Teams does not know this person or this conversation, or you are not in it"
    return f"Teams refuses it ({error.said or error.code})"
