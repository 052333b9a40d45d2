"""What we have posted is known by its notification, as long as that is likely to come."""

from __future__ import annotations

from bridge.domain.ids import ConversationId, MessageRef, Place, TenantId
from bridge.teams.addresses import Address
from bridge.teams.own_posts import CREATED, POSTS_KEPT_MAX, OwnPosts


def place(conversation: str, tenant: str = "tenant") -> Place:
    return Place(tenant=TenantId(tenant), conversation=ConversationId(conversation))


def address(conversation: str, ref: str, tenant: str = "tenant") -> Address:
    return Address(place=place(conversation, tenant), ref=MessageRef(ref))


def test_a_post_is_known_in_its_conversation_only_however_its_tenant_is_written() -> None:
    own = OwnPosts()
    own.note(place("19:one"), MessageRef("1"))

    assert own.is_echo(address("19:one", "1", tenant="TENANT"), CREATED)
    assert own.is_echo(address("19:one", "1"), CREATED), "Graph may repeat itself"
    assert not own.is_echo(address("19:two", "1"), CREATED)
    assert not own.is_echo(address("19:one", "2"), CREATED)


def test_only_that_it_was_created_is_no_news() -> None:
    own = OwnPosts()
    own.note(place("19:one"), MessageRef("1"))

    assert not any(own.is_echo(address("19:one", "1"), how) for how in ("updated", "deleted", ""))


def test_the_oldest_is_forgotten_first() -> None:
    own = OwnPosts()
    for n in range(POSTS_KEPT_MAX + 1):
        own.note(place("19:one"), MessageRef(str(n)))

    assert not own.is_echo(address("19:one", "0"), CREATED)
    assert own.is_echo(address("19:one", "1"), CREATED)
    assert own.is_echo(address("19:one", str(POSTS_KEPT_MAX)), CREATED)
