"""Microsoft's own Python SDK understands chats, messages, people and subscriptions of the tenant."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from msgraph.generated.chats.chats_request_builder import ChatsRequestBuilder
from msgraph.generated.chats.item.messages.item.set_reaction.set_reaction_post_request_body import (
    SetReactionPostRequestBody,
)
from msgraph.generated.chats.item.messages.item.unset_reaction.unset_reaction_post_request_body import (
    UnsetReactionPostRequestBody,
)
from msgraph.generated.chats.item.messages.messages_request_builder import MessagesRequestBuilder
from msgraph.generated.models.aad_user_conversation_member import AadUserConversationMember
from msgraph.generated.models.chat import Chat
from msgraph.generated.models.chat_message import ChatMessage
from msgraph.generated.models.chat_type import ChatType
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.models.teamwork_user_identity_type import TeamworkUserIdentityType
from msgraph_core.tasks.page_iterator import PageIterator

from tests.unit.sandbox.tenant.place import Place, Subscriber
from tests.unit.sandbox.tenant.sdk import Offices, html, offices, query

__all__ = ["offices"]


async def test_reads_chats_with_their_members(place: Place, offices: Offices) -> None:
    office = await offices.of(place.alice)
    await place.say(place.alice, place.group, "hello")
    wanted = ChatsRequestBuilder.ChatsRequestBuilderGetQueryParameters(
        expand=["members", "lastMessagePreview"]
    )
    listed = office.read(await office.graph.me.chats.get(query(wanted)))

    by_id = {chat.id: chat for chat in listed.value}
    assert by_id[place.group].topic == "Tea party"
    assert {member.display_name for member in by_id[place.group].members} == {
        place.alice.display_name,
        place.bob.display_name,
    }
    assert by_id[place.group].last_message_preview.body.content == "hello"
    one = office.read(await office.graph.chats.by_chat_id(place.group).get())
    assert one.chat_type == ChatType.Group
    assert one.viewpoint is not None


async def test_posts_edits_reacts_and_reads_it_back(place: Place, offices: Offices) -> None:
    office = await offices.of(place.alice)
    messages = office.graph.chats.by_chat_id(place.group).messages
    posted = office.read(await messages.post(html("<p>first</p>")))
    message = messages.by_chat_message_id(posted.id)

    await message.patch(html("<p>second</p>", attachments=[], mentions=[], reactions=[]))
    await message.set_reaction.post(SetReactionPostRequestBody(reaction_type="👍"))
    seen = office.read(await message.get())
    assert seen.body.content == "<p>second</p>"
    assert [(r.reaction_type, r.user.user.id) for r in seen.reactions] == [("👍", place.alice.id)]
    assert seen.from_.user.user_identity_type == TeamworkUserIdentityType.AadUser
    assert seen.last_edited_date_time > seen.created_date_time

    await message.unset_reaction.post(UnsetReactionPostRequestBody(reaction_type="👍"))
    assert office.read(await message.get()).reactions == []


async def test_deletes_and_brings_back(place: Place, offices: Offices) -> None:
    office = await offices.of(place.alice)
    chat = office.graph.users.by_user_id(place.alice.id).chats.by_chat_id(place.group)
    posted = await office.graph.chats.by_chat_id(place.group).messages.post(html("soon gone"))
    message = chat.messages.by_chat_message_id(posted.id)

    await message.soft_delete.post()
    assert office.read(await message.get()).deleted_date_time is not None
    await message.undo_soft_delete.post()
    assert office.read(await message.get()).deleted_date_time is None


async def test_turns_the_pages_of_messages(place: Place, offices: Offices) -> None:
    office = await offices.of(place.alice)
    for number in range(5):
        await place.say(place.alice, place.chat, str(number))
    two = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(top=2)
    page = await office.graph.chats.by_chat_id(place.chat).messages.get(query(two))
    office.read(page)
    found: list[str] = []

    def take(message: ChatMessage) -> bool:
        found.append(message.body.content)
        return True

    await PageIterator(page, office.graph.request_adapter).iterate(take)
    assert found == ["4", "3", "2", "1", "0"]


async def test_changes_who_is_in_a_chat(place: Place, offices: Offices) -> None:
    office = await offices.of(place.alice)
    chat = office.graph.chats.by_chat_id(place.group)
    bind = f"{place.server.base}/v1.0/users('{place.carol.id}')"
    await chat.members.post(
        AadUserConversationMember(roles=["owner"], additional_data={"user@odata.bind": bind})
    )
    listed = office.read(await chat.members.get())
    carol = next(m for m in listed.value if m.display_name == place.carol.display_name)
    assert isinstance(carol, AadUserConversationMember)
    assert carol.user_id == place.carol.id
    await chat.members.by_conversation_member_id(carol.id).delete()
    assert len(office.read(await chat.members.get()).value) == 2


async def test_creates_and_renames_a_chat(place: Place, offices: Offices) -> None:
    office = await offices.of(place.alice)
    members = [
        AadUserConversationMember(
            roles=["owner"],
            additional_data={"user@odata.bind": f"{place.server.base}/v1.0/users('{who.id}')"},
        )
        for who in (place.alice, place.bob, place.carol)
    ]
    made = office.read(
        await office.graph.chats.post(
            Chat(chat_type=ChatType.Group, topic="Three", members=members)
        )
    )
    changed = office.read(
        await office.graph.chats.by_chat_id(made.id).patch(Chat(topic="Three of us"))
    )
    assert changed.topic == "Three of us"


async def test_reads_people(place: Place, offices: Offices) -> None:
    office = await offices.of(place.alice)
    assert office.read(await office.graph.me.get()).id == place.alice.id
    found = office.read(await office.graph.users.by_user_id(place.bob.id).get())
    assert found.display_name == place.bob.display_name
    listed = office.read(await office.graph.users.get())
    assert place.carol.id in {user.id for user in listed.value}


async def test_subscribes_renews_and_unsubscribes(
    place: Place, offices: Offices, subscriber: Subscriber
) -> None:
    office = await offices.of(None)
    wish = subscriber.wish()
    expires = datetime.fromisoformat(wish["expirationDateTime"])
    made = office.read(
        await office.graph.subscriptions.post(
            Subscription(
                resource=wish["resource"],
                change_type=wish["changeType"],
                notification_url=wish["notificationUrl"],
                lifecycle_notification_url=wish["lifecycleNotificationUrl"],
                expiration_date_time=expires,
                client_state=wish["clientState"],
                include_resource_data=True,
                encryption_certificate=wish["encryptionCertificate"],
                encryption_certificate_id=wish["encryptionCertificateId"],
            )
        )
    )
    one = office.graph.subscriptions.by_subscription_id(made.id)
    later = expires + timedelta(minutes=5)
    assert office.read(await one.get()).application_id == place.app
    changed = office.read(await one.patch(Subscription(expiration_date_time=later)))
    assert changed.expiration_date_time == later
    assert [s.id for s in office.read(await office.graph.subscriptions.get()).value] == [made.id]
    await one.reauthorize.post()
    await one.delete()
    assert office.read(await office.graph.subscriptions.get()).value == []


async def test_errors_are_understood(place: Place, offices: Offices) -> None:
    office = await offices.of(place.alice)
    with pytest.raises(ODataError) as caught:
        await office.graph.chats.by_chat_id("19:nowhere@thread.v2").get()

    assert caught.value.response_status_code == 404
    assert caught.value.error is not None
    assert caught.value.error.code == "NotFound"
    assert caught.value.error.inner_error is not None
    assert caught.value.error.inner_error.request_id
    assert caught.value.error.inner_error.date is not None
