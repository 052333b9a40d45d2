"""The subscriptions of a tenant, found again by what changed and by what limits them.

A change asks for the subscriptions of one kind of thing that reach it; nothing here grows with the
number of the others. Groups are what quotas count: see `quotas.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, KeysView, ValuesView
from typing import TYPE_CHECKING, TypeVar

from bridge.sandbox.tenant.targets import Kind, Reach

if TYPE_CHECKING:
    from bridge.sandbox.tenant.subscription import Subscription

Group = tuple[str, ...]
_WHOLE_TENANT = ""

_Key = TypeVar("_Key", str, Group)


class Register:
    """Subscriptions by id."""

    def __init__(self) -> None:
        self._all: dict[str, Subscription] = {}
        self._reached: dict[tuple[Kind, Reach], dict[str, dict[str, Subscription]]] = {}
        self._groups: dict[Group, dict[str, Subscription]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def get(self, subscription: str) -> Subscription | None:
        return self._all.get(subscription)

    def values(self) -> ValuesView[Subscription]:
        return self._all.values()

    def add(self, subscription: Subscription, groups: Collection[Group] = ()) -> None:
        """Enter a new subscription, counted in these groups."""
        self._all[subscription.id] = subscription
        target = subscription.target
        shelf = self._reached.setdefault((target.kind, target.reach), {})
        for key in target.ids or (_WHOLE_TENANT,):
            shelf.setdefault(key, {})[subscription.id] = subscription
        for group in groups:
            self._groups.setdefault(group, {})[subscription.id] = subscription
        subscription.groups = tuple(groups)

    def remove(self, subscription_id: str) -> Subscription | None:
        """Strike a subscription out; None means that there was none."""
        found = self._all.pop(subscription_id, None)
        if found is None:
            return None
        found.ended = True
        shelf = self._reached[(found.target.kind, found.target.reach)]
        for key in found.target.ids or (_WHOLE_TENANT,):
            _drop(shelf, key, subscription_id)
        for group in found.groups:
            _drop(self._groups, group, subscription_id)
        return found

    def members(self, group: Group) -> Collection[Subscription]:
        """The subscriptions that count in a group, the expired ones included."""
        return self._groups.get(group, {}).values()

    def follows_views(self, chat: str, user: str) -> bool:
        """Tell whether anybody might want to know how a user sees a chat: mostly nobody does."""
        own = (
            *self.reaching(Kind.CHAT, Reach.CHAT, chat),
            *self.reaching(Kind.CHAT, Reach.USER, user),
        )
        return any(subscription.target.own_view for subscription in own)

    def whole(self, kind: Kind) -> Iterator[Subscription]:
        """Those to all things of a kind."""
        yield from self.reaching(kind, Reach.TENANT, _WHOLE_TENANT)

    def reaching(self, kind: Kind, reach: Reach, key: str) -> Iterator[Subscription]:
        """Those to things of a kind in one chat, channel, team, app or of one user."""
        shelf = self._reached.get((kind, reach))
        if shelf:
            yield from shelf.get(key, {}).values()

    def reaching_any(
        self, kind: Kind, reach: Reach, keys: KeysView[str] | Collection[str]
    ) -> Iterator[Subscription]:
        """The same for many at once, such as the members of a chat; each one once."""
        shelf = self._reached.get((kind, reach))
        if not shelf:
            return
        found = [key for key in shelf if key in keys] if len(shelf) < len(keys) else keys
        for key in found:
            yield from shelf.get(key, {}).values()


def _drop(shelf: dict[_Key, dict[str, Subscription]], key: _Key, subscription_id: str) -> None:
    """Take one out, and its compartment too if nothing is left in there."""
    compartment = shelf[key]
    del compartment[subscription_id]
    if not compartment:
        del shelf[key]
