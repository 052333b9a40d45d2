"""Messages of every kind, by name: a person, a bot or nobody says one in a chat or a channel.

`POST …/kinds {"kind": "hero_card", "user": …}` says it; what else it takes is in the docstring of
the maker of that kind. `subject`, `importance` and, in a channel, `reply_to` go with all of them.
What happens to a message later is here too: a link's preview arrives, a policy blocks it.

A message of type `typing` has no kind here: Graph's enumeration has it, and nothing delivers one.
"""

from __future__ import annotations

from bridge.sandbox.tenant import (
    conversation,
    kinds_media,
    kinds_references,
    kinds_text,
    people_kinds,
    policy,
    quotes,
    wire,
)
from bridge.sandbox.tenant.ask import Act, Ask
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.identity import Robot
from bridge.sandbox.tenant.kind_parts import Maker, Wish, attachment_id
from bridge.sandbox.tenant.system_events import spot
from bridge.sandbox.tenant.world import Channel, Chat, Message, User

MAKERS: dict[str, Maker] = {
    **kinds_text.MAKERS,
    **kinds_references.MAKERS,
    **kinds_media.MAKERS,
}
_LATER = ("subject", "importance")


async def list_kinds(_: Ask) -> Reply:
    """Every kind, and what its maker says about it."""
    found = {name: (maker.__doc__ or "").strip() for name, maker in sorted(MAKERS.items())}
    return Reply(body={"kinds": found})


async def say(ask: Ask) -> Reply:
    """Say something of this kind; the answer has the message's id."""
    kind = wire.required_text(ask.body, "kind")
    maker = MAKERS.get(kind)
    if maker is None:
        msg = f"{kind!r} is no kind of message; there are {', '.join(sorted(MAKERS))}."
        raise bad_request(msg)
    message = _post(ask, spot(ask), maker)
    return Reply(status=201, body={"id": str(message.id)})


async def unfurl(ask: Ask) -> Reply:
    """The preview of a link arrives: an update that is no edit; `card` true attaches it."""
    place = spot(ask)
    message = ask.tenant.message(place, ask.ids["message"])
    if wire.optional_flag(ask.body, "card"):
        content: Json = {"title": "Tea news", "text": "All about tea"}
        card = quotes.of_kind(f"{kinds_references.CARD}thumbnail", attachment_id(), content)
        message.content.attachments = [*message.content.attachments, card]
        message.content.text += quotes.markers([card])
    conversation.touch(ask.tenant, place, message)
    return Reply(status=204)


async def violate(ask: Ask) -> Reply:
    """A policy blocks the message after its delivery; `violation` null lifts that."""
    place = spot(ask)
    message = ask.tenant.message(place, ask.ids["message"])
    given = ask.body.get(
        "violation",
        {
            "dlpAction": "blockAccess",
            "verdictDetails": "allowFalsePositiveOverride",
            "policyTip": {
                "generalText": "This item has been blocked by the administrator.",
                "complianceUrl": "https://contoso.example/dlp-policy-page",
                "matchedConditionDescriptions": ["Credit Card Number"],
            },
        },
    )
    violation = None if given is None else policy.read(given)
    policy.apply(ask.tenant, place, message, violation)
    return Reply(status=204)


def _post(ask: Ask, place: Chat | Channel, maker: Maker) -> Message:
    reply_to = wire.optional_text(ask.body, "reply_to")
    root = None if reply_to is None else ask.tenant.message(place, reply_to).id
    wish = Wish(
        tenant=ask.tenant,
        place=place,
        sender=_sender(ask, place),
        number=conversation.next_id(ask.tenant, place),
        reply_to=root,
        options=ask.body,
    )
    content = maker(wish)
    for name in _LATER:
        given = wire.optional_text(ask.body, name)
        if given is not None:
            setattr(content, name, given)
    at = conversation.Spot(number=wish.number, reply_to=root)
    return conversation.post(ask.tenant, place, wish.sender, content, wish.hosted, at)


def _sender(ask: Ask, place: Chat | Channel) -> User | Robot | None:
    """`user` by id; null is nobody, and nothing given the first member."""
    if "user" in ask.body:
        key = wire.optional_text(ask.body, "user")
        return None if key is None else people_kinds.find(ask.tenant, key)
    return next((member.user for member in place.people.values()), None)


ACTS: list[tuple[str, Act]] = [("GET /kinds", list_kinds)]
for _place in ("/chats/{chat}", "/teams/{team}/channels/{channel}"):
    ACTS += [
        (f"POST {_place}/kinds", say),
        (f"POST {_place}/messages/{{message}}/unfurl", unfurl),
        (f"POST {_place}/messages/{{message}}/violate", violate),
    ]
