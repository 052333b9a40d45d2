"""Limits over HTTP: who is refused, for how long, and what brings one back in."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.client_limits import change_limits, limits
from bridge.sandbox.tenant.clock import TenantClock
from tests.unit.sandbox.tenant.place import APPLICATION, SECRET, Answer, Place, enc


class StandingClock(TenantClock):
    """A clock that moves only when it is moved, however slow the machine is."""

    def __init__(self) -> None:
        super().__init__()
        self._start = super().now()

    @override
    def now(self) -> datetime:
        return self._start + self._offset


@pytest.fixture
async def strict(place: Place) -> Place:
    """A tenant with its limits on, and with tokens at hand."""
    place.server.realm.tenants[place.tenant.id].clock = StandingClock()
    for who in (place.alice, place.bob):
        await place.user_token(who)
    await place.app_token()
    await change_limits(place.tenant, on=True)
    return place


async def until_refused(place: Place, path: str, most: int) -> int:
    """How many GETs pass at once."""
    for count in range(most + 1):
        if (await place.graph(None, "GET", path)).status == 429:
            return count
    return most + 1


def assert_throttled(answer: Answer, seconds: str = "1") -> None:
    assert answer.status == 429
    assert answer.code == "TooManyRequests"
    assert answer.message == "Please retry again later."
    inner = answer.body["error"]["innerError"]
    assert inner["code"] == inner["status"] == "429"
    assert inner["message"] == "Please retry after"
    assert inner["request-id"]
    assert inner["date"]
    assert answer.headers["Retry-After"] == seconds


async def test_a_second_message_to_a_chat_within_a_second_is_refused(strict: Place) -> None:
    assert (await strict.say(strict.alice, strict.chat, "one")).status == 201
    assert_throttled(await strict.say(strict.alice, strict.chat, "two"))
    assert len(await strict.tenant.messages(strict.chat)) == 1


async def test_it_passes_after_the_time_that_was_told(strict: Place) -> None:
    await strict.say(strict.alice, strict.chat, "one")
    answer = await strict.say(strict.alice, strict.chat, "two")
    await strict.tenant.advance_clock(timedelta(seconds=int(answer.headers["Retry-After"])))
    assert (await strict.say(strict.alice, strict.chat, "two")).status == 201


async def test_another_chat_is_not_concerned(strict: Place) -> None:
    await strict.say(strict.alice, strict.chat, "one")
    assert (await strict.say(strict.alice, strict.group, "two")).status == 201


async def test_reading_and_writing_a_chat_count_together(strict: Place) -> None:
    await strict.say(strict.alice, strict.group, "one")
    answer = await strict.graph(strict.alice, "GET", f"/chats/{enc(strict.group)}/messages")
    assert_throttled(answer)


async def test_or_each_for_itself_if_that_is_what_is_played(strict: Place) -> None:
    await change_limits(strict.tenant, per_line=True)
    await strict.say(strict.alice, strict.group, "one")
    answer = await strict.graph(strict.alice, "GET", f"/chats/{enc(strict.group)}/messages")
    assert answer.status == 200


async def test_two_users_of_an_app_share_the_chat(strict: Place) -> None:
    await strict.say(strict.alice, strict.group, "one")
    assert_throttled(await strict.say(strict.bob, strict.group, "two"))


async def test_two_apps_do_not_share_the_chat_but_a_user_posts_once_a_second(
    strict: Place,
) -> None:
    await change_limits(strict.tenant, on=False)
    second = await strict.tenant.register_app(
        name="second", secret=SECRET, application_permissions=APPLICATION
    )
    first, strict.app = strict.app, second
    token = await strict.token(
        grant_type="client_credentials", scope=f"{strict.server.base}/.default"
    )
    strict.app = first
    await change_limits(strict.tenant, on=True)
    path = f"/chats/{enc(strict.group)}/messages"
    assert (await strict.graph(None, "GET", path)).status == 200
    headers = {"Authorization": f"Bearer {token.body['access_token']}"}
    assert (await strict.http("GET", f"/v1.0{path}", headers=headers)).status == 200
    assert (await strict.http("GET", f"/v1.0{path}", headers=headers)).status == 429


async def test_chat_members_are_added_four_times_a_minute(strict: Place) -> None:
    people = await strict.tenant.add_users(*(f"Guest {n}" for n in range(6)))
    path = f"/chats/{enc(strict.group)}/members"
    answers = []
    for person in people:
        body = {
            "@odata.type": "#microsoft.graph.aadUserConversationMember",
            "roles": ["owner"],
            "user@odata.bind": f"https://graph.microsoft.com/v1.0/users('{person.id}')",
        }
        answers.append(await strict.graph(None, "POST", path, body))
        await strict.tenant.advance_clock(timedelta(seconds=2))
    assert [answer.status for answer in answers] == [201, 201, 201, 201, 429, 429]
    assert [answer.headers["Retry-After"] for answer in answers[4:]] == ["15", "15"]


async def test_a_user_lists_chats_five_times_a_second(strict: Place) -> None:
    statuses = [(await strict.graph(strict.alice, "GET", "/me/chats")).status for _ in range(6)]
    assert statuses == [*[200] * 5, 429]
    assert (await strict.graph(strict.bob, "GET", "/me/chats")).status == 200


async def test_subscriptions_are_listed_25_times_in_20_seconds(strict: Place) -> None:
    assert await until_refused(strict, "/subscriptions", 30) == 25


async def test_a_tenth_of_the_limits_refuses_a_tenth_of_the_way(strict: Place) -> None:
    await change_limits(strict.tenant, scale=0.1, burst_seconds=10)
    assert (await strict.say(strict.alice, strict.chat, "one")).status == 201
    assert_throttled(await strict.say(strict.alice, strict.chat, "two"), "10")


async def test_a_deeper_bucket_lets_a_burst_through(strict: Place) -> None:
    await change_limits(strict.tenant, burst_seconds=3)
    statuses = [(await strict.say(strict.alice, strict.chat, "x")).status for _ in range(4)]
    assert statuses == [201, 201, 201, 429]


async def test_whoever_goes_on_asking_can_be_made_to_wait_longer(strict: Place) -> None:
    await change_limits(strict.tenant, debt_seconds=30)
    await strict.say(strict.alice, strict.chat, "one")
    told = [
        int((await strict.say(strict.alice, strict.chat, "x")).headers["Retry-After"])
        for _ in range(3)
    ]
    assert told == [2, 3, 4]


async def test_what_is_asked_while_refused_counts(strict: Place) -> None:
    await strict.say(strict.alice, strict.chat, "one")
    for _ in range(4):
        await strict.tenant.advance_clock(timedelta(seconds=0.6))
        assert (await strict.say(strict.alice, strict.chat, "x")).status == 429
    await strict.tenant.advance_clock(timedelta(seconds=1))
    assert (await strict.say(strict.alice, strict.chat, "two")).status == 201


async def test_a_refusal_need_not_say_how_long(strict: Place) -> None:
    await change_limits(strict.tenant, retry_after=False)
    await strict.say(strict.alice, strict.chat, "one")
    answer = await strict.say(strict.alice, strict.chat, "two")
    assert answer.status == 429
    assert "Retry-After" not in answer.headers


async def test_the_directory_counts_resource_units(strict: Place) -> None:
    await change_limits(strict.tenant, scale=0.002)
    # 3,500 units in ten seconds become seven; a list of users takes two of them, a small one one.
    assert await until_refused(strict, "/users", 9) == 3
    await change_limits(strict.tenant, on=True)
    assert await until_refused(strict, "/users?$top=5", 9) == 7
    answer = await strict.graph(None, "GET", "/users")
    assert answer.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    assert answer.headers["x-ms-throttle-scope"].startswith("Tenant_Application/ReadWrite/")


async def test_an_app_is_limited_over_all_tenants(strict: Place) -> None:
    """`everywhere` buckets count for both tenants; a small scale makes them reachable."""
    other = await strict.control.create_tenant(name="Fabrikam")
    await other.register_app(client_id=strict.app, secret=SECRET)
    await change_limits(other, scale=0.01)
    home = strict.tenant
    await change_limits(home, scale=0.01)
    assert await until_refused(strict, "/subscriptions", 5) == 1
    strict.tenant = other
    strict._tokens.clear()
    assert (await strict.graph(None, "GET", "/subscriptions")).status == 429
    assert (await limits(other))["refused"] == {"app": 1}
    strict.tenant = home


async def test_limits_are_on_unless_switched_off(strict: Place) -> None:
    fresh = await strict.control.create_tenant()
    assert (await limits(fresh))["on"] is True
    await change_limits(fresh, on=False)
    assert (await limits(fresh))["on"] is False


async def test_what_was_refused_is_counted(strict: Place) -> None:
    await strict.say(strict.alice, strict.chat, "one")
    await strict.say(strict.alice, strict.chat, "two")
    assert (await limits(strict.tenant))["refused"] == {"conversation": 1}


@pytest.mark.parametrize(
    "change", [{"scale": 0}, {"scale": "x"}, {"burst_seconds": -1}, {"on": "yes"}]
)
async def test_limits_that_make_no_sense_are_refused(
    place: Place, change: dict[str, object]
) -> None:
    with pytest.raises(ControlError):
        await change_limits(place.tenant, **change)


async def test_a_request_of_more_than_four_megabytes_is_refused(place: Place) -> None:
    path = f"/chats/{enc(place.chat)}/messages"
    answer = await place.graph(place.alice, "POST", path, b" " * (4 * 1024 * 1024 + 1))
    assert answer.status == 413


async def test_a_message_that_is_too_large_is_refused_with_413(place: Place) -> None:
    answer = await place.say(place.alice, place.chat, "x" * (29 * 1024))
    assert answer.status == 413
    assert answer.code == "RequestEntityTooLarge"
