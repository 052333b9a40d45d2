"""While messages are imported into a conversation, nothing else may happen in it.

learn.microsoft.com microsoftteams/platform import-external-messages-to-teams: migration mode
restricts sending new messages and prevents adding and removing members, for everyone. With which
code it refuses them is not documented.
"""

from __future__ import annotations

from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json, forbidden
from bridge.sandbox.tenant.world import Conversation, Team


def check_open(place: Conversation | Team) -> None:
    """Let live things happen there.

    Raises:
        GraphError: 403, an import is going on.
    """
    if is_importing(place):
        raise forbidden("The operation is not allowed while the thread is in migration mode.")


def is_importing(place: Conversation | Team) -> bool:
    return place.migration is not None and place.migration.in_progress


def shown(place: Conversation) -> Json:
    """The two properties of a chat or channel that tell of its import."""
    session = place.migration
    if session is None:
        return {"migrationMode": None, "originalCreatedDateTime": None}
    return {
        "migrationMode": "inProgress" if session.in_progress else "completed",
        "originalCreatedDateTime": stamp(session.original_created),
    }
