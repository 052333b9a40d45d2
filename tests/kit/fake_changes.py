"""What the fake store keeps of messages to which something happened: the same rules as in Postgres.

note_delivered   a delivery has become a link, a reaction, an own change
known_of         what is held of a message
beside           what else shows the message that a matrix event shows a part of
far_of           what an event refers to, on the far side
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from bridge.domain.changes import Known, Own, OwnChange, wording_of
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import MessageRef, PortalId, Side, is_older, root_of
from bridge.ports import Beside, Delivery, Far, FarPart, FarThread, Heard, Remembered
from tests.kit.fake_store import FakeStore, MessageKey, StoredLink, StoredReaction


def note_delivered(store: FakeStore, delivery: Delivery, ref: MessageRef, now: datetime) -> None:
    """Write down what a delivery has become; harmless when repeated."""
    event = delivery.event
    match event:
        case MessageSent():
            _link(store, delivery, ref, again=event.again)
        case MessageEdited():
            _unlink_surplus(store, delivery, event)
            _link(store, delivery, ref, again=False)
        case MessageDeleted():
            pass
        case ReactionAdded() | ReactionRemoved() if _came_too_late(store, delivery, event, ref):
            return
        case ReactionAdded():
            reaction = _reaction(delivery, event, ref)
            _forget(store, reaction)
            store.reactions.append(reaction)
        case ReactionRemoved():
            _forget(store, _reaction(delivery, event, ref))
        case _:
            assert_never(event)
    if delivery.target is Side.TEAMS and delivery.id in store.deliveries:
        # Once its delivery is gone, its echo may have been seen.
        _own(store, delivery, ref, now)


def is_anothers(store: FakeStore, delivery: Delivery, ref: MessageRef) -> bool:
    """Tell of what was parked whether its message has been taken for one of Teams' own meanwhile."""
    stored = store.deliveries.get(delivery.id)
    if stored is None or stored.state != "parked" or delivery.target is Side.MATRIX:
        return False
    if not isinstance(delivery.event, MessageSent | MessageEdited):
        return False
    portal = delivery.portal.id
    linked = [o.matrix_event for o in store.links if (o.portal, o.message) == (portal, ref)]
    on_its_way = any(
        (d.new.portal, d.new.target, d.new.source) == (portal, Side.MATRIX, ref)
        for d in store.deliveries.values()
    )
    known = linked or on_its_way or (portal, Side.TEAMS, ref) in store.states
    return bool(known) and delivery.source not in linked


def _link(store: FakeStore, delivery: Delivery, ref: MessageRef, *, again: bool) -> None:
    toward_matrix = delivery.target is Side.MATRIX
    message, matrix_event = (delivery.source, ref) if toward_matrix else (ref, delivery.source)
    link = StoredLink(
        portal=delivery.portal.id,
        message=message,
        matrix_event=matrix_event,
        origin=delivery.target.other,
        event=delivery.event,
    )
    if again:
        slot = (link.portal, link.message, link.event.part)
        former = [
            other
            for other in store.links
            if (other.portal, other.message, other.event.part) == slot
            and other.matrix_event != link.matrix_event
        ]
        store.former_links += former
        _disown(store, link)
        store.links = [other for other in store.links if other not in former]
    if not any(_same_pair(link, other) for other in store.links):
        store.links.append(link)


def _unlink_surplus(store: FakeStore, delivery: Delivery, event: MessageEdited) -> None:
    """What an edit has left nothing for in Matrix was redacted, and is no part any more."""
    if delivery.target is Side.TEAMS or event.part < event.parts - 1:
        return
    key = (delivery.portal.id, delivery.source, Side.TEAMS)
    over = [
        link
        for link in store.links
        if (link.portal, link.message, link.origin) == key and link.event.part >= event.parts
    ]
    store.former_links += over
    store.links = [link for link in store.links if link not in over]


def _disown(store: FakeStore, link: StoredLink) -> None:
    """What we did to the former event is not to be seen on the new one: its echo is news."""
    key = (link.portal, Side.TEAMS, link.message)
    changes = store.own.get(key, [])
    store.own[key] = [o for o in changes if o.kind not in {Own.REACT, Own.UNREACT}]


def _came_too_late(
    store: FakeStore, delivery: Delivery, event: ReactionAdded | ReactionRemoved, ref: MessageRef
) -> bool:
    if delivery.target is Side.MATRIX:
        return False
    portal = delivery.portal.id
    current = any(o.portal == portal and o.matrix_event == event.target for o in store.links)
    replaced = any(
        (d.new.portal, d.new.target, d.new.source) == (portal, Side.MATRIX, ref)
        and d.new.event.slot.startswith("again ")
        for d in store.deliveries.values()
    )
    state = store.states.get((portal, Side.TEAMS, ref))
    return replaced or not current or (state is not None and state.deleted)


def _same_pair(one: StoredLink, other: StoredLink) -> bool:
    return (
        one.portal == other.portal
        and one.event.part == other.event.part
        and (one.message == other.message or one.matrix_event == other.matrix_event)
    )


def _reaction(
    delivery: Delivery, event: ReactionAdded | ReactionRemoved, ref: MessageRef
) -> StoredReaction:
    toward_matrix = delivery.target is Side.MATRIX
    return StoredReaction(
        portal=delivery.portal.id,
        message=event.target if toward_matrix else ref,
        person=event.author.id if toward_matrix else delivery.speaker,
        key=event.key,
        matrix_event=ref if toward_matrix else delivery.source,
    )


def _forget(store: FakeStore, gone: StoredReaction) -> None:
    store.reactions = [r for r in store.reactions if _slot(r) != _slot(gone)]


def _slot(reaction: StoredReaction) -> tuple[PortalId, MessageRef, str, str]:
    return reaction.portal, reaction.message, reaction.person, reaction.key


def _own(store: FakeStore, delivery: Delivery, ref: MessageRef, now: datetime) -> None:
    event = delivery.event
    if isinstance(event, MessageSent):
        return
    change = OwnChange(
        id=delivery.id,
        kind=_kind(event),
        at=now,
        person=delivery.speaker,
        key=event.key if isinstance(event, ReactionAdded | ReactionRemoved) else "",
        words=wording_of(event.body) if isinstance(event, MessageEdited) else "",
    )
    changes = store.own.setdefault((delivery.portal.id, Side.TEAMS, ref), [])
    if all(other.id != change.id for other in changes):
        changes.append(change)


def _kind(event: Event) -> Own:
    match event:
        case MessageEdited():
            return Own.EDIT
        case MessageDeleted():
            return Own.DELETE
        case ReactionAdded():
            return Own.REACT
        case _:
            return Own.UNREACT


def known_of(store: FakeStore, side: Side, key: MessageKey) -> Known | None:
    """Return what is held of a message as `side` names it."""
    own = tuple(store.own.get((key[0], side, key[1]), ()))
    said = _said(store, side, key)
    if (state := store.states.get((key[0], side, key[1]))) is not None:
        return replace(state, own=own, position=0 if said is None else said.position)
    return None if said is None else replace(said, own=own)


def _said(store: FakeStore, side: Side, key: MessageKey) -> Known | None:
    if link := store.link_of(side, key):
        event = link.event
        return Known(origin=link.origin, version=event.version, author=event.author.id)
    for delivery in sorted(store.deliveries.values(), key=lambda d: d.id):
        new = delivery.new
        if (new.portal, new.source) == key and new.target is side.other:
            return Known(
                origin=side,
                version=new.event.version,
                author=new.event.author.id,
                position=new.position,
            )
    return None


def remember(store: FakeStore, state: Remembered) -> None:
    """Hold what a side shows of a message."""
    key = (state.portal, state.side, state.ref)
    before = store.states.get(key)
    # A reader that comes back after its lease does not undo what its successor has seen.
    if before is None or not is_older(state.known.version, before.version):
        store.states[key] = replace(state.known, own=())
    store.own[key] = [o for o in store.own.get(key, ()) if o.id not in state.consumed]


def heard_of(store: FakeStore, key: MessageKey) -> Heard | None:
    """Return the reaction that a matrix event is, sent or about to be."""
    for reaction in store.reactions:
        if (reaction.portal, reaction.matrix_event) == key:
            link = store.link_of(Side.TEAMS, (key[0], reaction.message))
            if link is not None:
                return Heard(target=link.matrix_event, person=reaction.person, key=reaction.key)
    for delivery in store.deliveries.values():
        new = delivery.new
        if (new.portal, new.source) == key and isinstance(new.event, ReactionAdded):
            return Heard(target=new.event.target, person=new.speaker, key=new.event.key)
    return None


def beside(store: FakeStore, key: MessageKey) -> Beside | None:
    """Return what else shows the message of Teams of which a matrix event is one of several."""
    portal, ref = key
    link = store.link_of(Side.MATRIX, key)
    if link is None or link.origin is not Side.TEAMS:
        return None
    shown = [o for o in store.links if (o.portal, o.message) == (portal, link.message)]
    others = {other.matrix_event for other in shown} - {ref}
    comes = _comes(store, (portal, link.message), {other.event.part for other in shown})
    if not others and not comes:
        return None
    states = {other: store.states.get((portal, Side.MATRIX, other)) for other in others}
    left = frozenset(o for o, state in states.items() if state is None or not state.deleted)
    return Beside(message=link.message, events=left, comes=comes)


def _comes(store: FakeStore, message: MessageKey, shown: Collection[int]) -> bool:
    """Tell whether a part of a message is still on its way to its room."""
    return any(
        (d.new.portal, d.new.source, d.new.target) == (*message, Side.MATRIX)
        and isinstance(d.new.event, MessageSent | MessageEdited)
        and d.state != "parked"
        and d.new.event.part not in shown
        for d in store.deliveries.values()
    )


def far_of(store: FakeStore, delivery: Delivery) -> Far:
    """Return what the event's target, and its thread, are called on the far side."""
    return replace(_target(store, delivery), thread=_thread(store, delivery))


def _thread(store: FakeStore, delivery: Delivery) -> FarThread | None:
    links = [link for link in store.links if link.portal == delivery.portal.id]
    links.sort(key=lambda link: (link.event.sent_at, link.event.part))
    if delivery.target is Side.TEAMS:
        posts = [link.message for link in links if link.matrix_event == delivery.thread]
        roots = [root_of(post) or post for post in posts]
        return FarThread(root=roots[0], last=roots[0]) if roots else None
    root = [link.matrix_event for link in links if link.message == delivery.thread]
    below = [
        link.matrix_event
        for link in links
        if root_of(link.message) == delivery.thread and link.event.sent_at <= delivery.event.sent_at
    ]
    return FarThread(root=root[0], last=(below or root)[-1]) if root and delivery.thread else None


def _target(store: FakeStore, delivery: Delivery) -> Far:
    source, target = delivery.target.other, delivery.event.target
    if target is None:
        return Far()
    portal = delivery.portal.id
    links = [
        link
        for link in sorted(_all_links(store, source), key=lambda link: link.event.part)
        if link.portal == portal
        and (link.message if source is Side.TEAMS else link.matrix_event) == target
    ]
    parts = tuple(
        FarPart(
            part=link.event.part,
            ref=link.matrix_event if source is Side.TEAMS else link.message,
            origin=link.origin,
            author=link.event.author.id,
            shown_in=1 if source is Side.TEAMS else _events_of(store, link),
        )
        for link in links
    )
    return Far(parts=parts, reaction=_far_reaction(store, delivery))


def _events_of(store: FakeStore, link: StoredLink) -> int:
    same = (one for one in store.links if (one.portal, one.message) == (link.portal, link.message))
    return sum(1 for _ in same) or 1


def _all_links(store: FakeStore, source: Side) -> list[StoredLink]:
    return store.links + (store.former_links if source is Side.MATRIX else [])


def _far_reaction(store: FakeStore, delivery: Delivery) -> MessageRef | None:
    event = delivery.event
    if not isinstance(event, ReactionRemoved) or delivery.target is Side.TEAMS:
        return None
    wanted = (delivery.portal.id, event.target, event.author.id, event.key)
    return next((r.matrix_event for r in store.reactions if _slot(r) == wanted), None)
