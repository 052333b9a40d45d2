"""Signing in by a code that is typed at Microsoft's page, on whatever device has a browser.

    begin ─▶ Entra: a code for the person, and one for us
    ask   ─▶ Entra ─┬ not yet ─────▶ None, not sooner than after `interval`
                    ├ slow down ───▶ None, and a longer interval
                    ├ no ──────────▶ Unauthorized: declined, too late, a policy
                    └ tokens ──────▶ SignedIn

Source: learn.microsoft.com entra v2-oauth2-device-code; RFC 8628 for `slow_down`. The app proves who
it is here as everywhere, so it need not allow "public client flows".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bridge.config import Teams
from bridge.errors import Unavailable
from bridge.ports import Clock
from bridge.teams.auth import Auth
from bridge.teams.refusals import refusal
from bridge.teams.scopes import asked_for
from bridge.teams.signed_in import SignedIn, signed_in

INTERVAL_DEFAULT = timedelta(seconds=5)
SLOWER_BY = timedelta(seconds=5)
"""RFC 8628 § 3.5."""
INTERVAL_MAX = timedelta(minutes=1)
LIFETIME_MAX = timedelta(minutes=15)
_PENDING, _SLOW_DOWN = "authorization_pending", "slow_down"


@dataclass(slots=True, kw_only=True)
class DeviceCode:
    """A sign-in under way; `flow` is secret. `interval` grows when Entra asks for it."""

    user_code: str
    page: str
    expires_at: datetime
    interval: timedelta
    flow: Mapping[str, Any] = field(repr=False)


class DeviceCodes:
    """Begins sign-ins by code, and asks what has become of them; keeps nothing."""

    def __init__(self, auth: Auth, teams: Teams, clock: Clock) -> None:
        self._auth = auth
        self._teams = teams
        self._clock = clock

    async def begin(self) -> DeviceCode:
        """Return a new code.

        Raises:
            Refused: Entra is away, or does not let the app do that.
        """

        def work() -> dict[str, Any]:
            client = self._auth.client(self._auth.cache())
            flow: dict[str, Any] = client.initiate_device_flow(list(asked_for(self._teams)))
            return flow

        flow = await self._auth.call(work)
        if "user_code" not in flow:
            raise refusal(flow, everyone=False)
        return _code_of(flow, self._clock.now())

    async def ask(self, code: DeviceCode) -> SignedIn | None:
        """Return who has signed in, None if nobody has yet.

        Raises:
            Unauthorized: Nobody will: declined, too late, or not of our tenant.
            Unavailable, Throttled: Ask later.
        """

        def work() -> tuple[dict[str, Any], str]:
            cache = self._auth.cache()
            answer: dict[str, Any] = self._auth.client(cache).acquire_token_by_device_flow(
                dict(code.flow), exit_condition=lambda _flow: True
            )
            return answer, cache.serialize()

        answer, kept = await self._auth.call(work)
        error = answer.get("error")
        if error == _SLOW_DOWN:
            code.interval = min(code.interval + SLOWER_BY, INTERVAL_MAX)
        if error in {_PENDING, _SLOW_DOWN}:
            return None
        if "access_token" not in answer:
            raise refusal(answer, everyone=False)
        return signed_in(answer, kept, self._teams)


def _code_of(flow: Mapping[str, Any], now: datetime) -> DeviceCode:
    user_code, page = flow.get("user_code"), flow.get("verification_uri")
    if not isinstance(user_code, str) or not isinstance(page, str):
        raise Unavailable("Microsoft's sign-in answers with no code")
    life, interval = _seconds(flow.get("expires_in")), _seconds(flow.get("interval"))
    return DeviceCode(
        user_code=user_code,
        page=page,
        expires_at=now + min(life or LIFETIME_MAX, LIFETIME_MAX),
        interval=min(interval or INTERVAL_DEFAULT, INTERVAL_MAX),
        flow=flow,
    )


def _seconds(value: object) -> timedelta | None:
    """A number of seconds, as a number or as text."""
    text = str(value)
    return timedelta(seconds=int(text)) if text.isdecimal() and len(text) < len("100000") else None
