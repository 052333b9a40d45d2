"""The ids of chats and of memberships, in the forms that Microsoft's have."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from uuid import uuid4

from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Chat, ChatKind, User


def chat_id(kind: ChatKind, people: Sequence[User]) -> str:
    """A new id; for a pair always the same."""
    match kind:
        case ChatKind.ONE_ON_ONE:
            return one_on_one_id(people[0], people[1])
        case ChatKind.GROUP:
            return f"19:{uuid4().hex}@thread.v2"
        case ChatKind.MEETING:
            digest = hashlib.sha256(uuid4().bytes).digest()
            return f"19:meeting_{base64.urlsafe_b64encode(digest).decode().rstrip('=')}@thread.v2"


def one_on_one_id(first: User, second: User) -> str:
    low, high = sorted((first.id, second.id))
    return f"19:{low}_{high}@unq.gbl.spaces"


def member_id(tenant: Tenant, chat: Chat, user: User) -> str:
    """Opaque to clients; Graph's is the base64 of these four parts."""
    return base64.b64encode(f"0##{tenant.id}##{chat.id}##{user.id}".encode()).decode()
