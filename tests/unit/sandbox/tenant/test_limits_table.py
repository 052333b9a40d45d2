"""The table of limits: which line an operation falls under, and what it takes from where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.sandbox.tenant.graph import operations
from bridge.sandbox.tenant.limit_buckets import BUCKETS_MAX, Buckets, Demand, Play, Rate
from bridge.sandbox.tenant.limit_demands import Asked, demands
from bridge.sandbox.tenant.limit_lines import LINES, OTHER, OTHER_GET, Service, line_of

BASE = Asked(method="GET", path="", ids={}, query={}, tenant="t", app="a", user="u", people=10)


def asked(place: str, **more: Any) -> Asked:
    """A request by its route; every id is called as its name."""
    method, _, path = place.partition(" ")
    ids = {part[1:-1]: part[1:-1] for part in path.split("/") if part.startswith("{")}
    return replace(BASE, method=method, path=path, ids=ids, **more)


def rates(request: Asked) -> dict[str, float]:
    """Requests per second by the first word of the bucket."""
    return {d.key[0]: d.rate.per_second for d in demands(request)}


def test_every_operation_has_a_line_of_the_table() -> None:
    class Anything:
        def __getattr__(self, name: str) -> Any:
            return self

        def routes(self) -> list[Any]:
            return []

    found = operations(Anything()).routes  # type: ignore[arg-type]
    assert found
    without = [f"{r.method} {r.path}" for r in found if line_of(r.method, r.path) is None]
    assert without == []


@pytest.mark.parametrize(
    ("place", "per_tenant", "per_app"),
    [
        ("GET /teams/{team}", 30, 600),
        ("GET /teams/{team}/channels/{channel}", 30, 600),
        ("GET /teams/{team}/channels/{channel}/tabs", 30, 600),
        ("GET /chats/{chat}/tabs/{tab}", 30, 600),
        ("GET /users/{user}/teamwork/installedApps", 30, 600),
        ("GET /chats/{chat}/installedApps", 30, 600),
        ("GET /appCatalogs/teamsApps", 30, 600),
        ("POST /teams/{team}/channels", 30, 300),
        ("POST /chats/{chat}/tabs", 30, 300),
        ("PATCH /teams/{team}", 30, 300),
        ("PATCH /teams/{team}/channels/{channel}", 30, 300),
        ("DELETE /teams/{team}/channels/{channel}", 15, 150),
        ("DELETE /chats/{chat}/tabs/{tab}", 15, 150),
        ("GET /users/{user}/joinedTeams", 30, 300),
        ("POST /teams", 10, 100),
        ("PUT /groups/{group}/team", 6, 150),
        ("POST /teams/{team}/clone", 6, 150),
        ("GET /teams/{team}/channels/{channel}/messages", 20, 200),
        ("GET /teams/{team}/channels/{channel}/messages/{message}", 20, 200),
        ("GET /teams/{team}/channels/{channel}/messages/{message}/replies/{reply}", 20, 200),
        ("GET /chats/{chat}/messages", 20, 200),
        ("GET /users/{user}/chats/{chat}/messages/{message}", 20, 200),
        ("POST /teams/{team}/channels/{channel}/messages", 50, 500),
        ("POST /teams/{team}/channels/{channel}/messages/{message}/replies", 50, 500),
        ("POST /chats/{chat}/messages", 20, 200),
        ("POST /chats/{chat}/messages/replyWithQuote", 20, 200),
        ("POST /chats/{chat}/members", 30, 300),
        ("DELETE /chats/{chat}/members/{member}", 30, 300),
        ("GET /teams/{team}/schedule/shifts", 30, 600),
        ("POST /teams/{team}/sendActivityNotification", 5, 50),
        ("POST /teamwork/sendActivityNotificationToRecipients", 2, 20),
        ("GET /teams/{team}/members", 60, 1200),
        ("POST /teams/{team}/members", 30, 300),
        ("GET /teams/{team}/channels", 60, 1200),
        ("GET /teams/{team}/channels/{channel}/members", 60, 1200),
        ("GET /teams/{team}/channels/getAllMessages", 200, 1000),
        ("GET /teams/{team}/channels/getAllRetainedMessages", 200, 1000),
        ("GET /users/{user}/chats/getAllMessages", 200, 1000),
        ("GET /chats/{chat}", 30, 1500),
        ("GET /teams/{team}/tags", 30, 1500),
        ("PATCH /chats/{chat}/messages/{message}", 30, 300),
        ("POST /chats/{chat}/messages/{message}/setReaction", 30, 300),
    ],
)
def test_a_request_falls_under_the_line_of_the_table(
    place: str, per_tenant: float, per_app: float
) -> None:
    method, _, path = place.partition(" ")
    line = line_of(method, path)
    assert line is not None
    assert line.service is Service.TEAMS
    assert line.per_tenant == Rate(count=per_tenant)
    assert line.per_app == Rate(count=per_app)


def test_sections_have_no_limit_over_all_tenants() -> None:
    line = line_of("POST", "/users/{user}/teamwork/sections")
    assert line is not None
    assert (line.per_tenant, line.per_app) == (Rate(count=5), None)


def test_what_is_not_listed_is_other() -> None:
    assert line_of("GET", "/teamwork/messaging/customEmoji") is OTHER_GET
    assert line_of("POST", "/chats/{chat}/unhideForUser") is OTHER


def test_each_line_is_the_first_for_something() -> None:
    """No line hides another of the same method and pattern."""
    assert len({(line.methods, line.pattern) for line in LINES}) == len(LINES)


def test_a_message_to_a_channel_takes_from_every_bucket() -> None:
    found = rates(asked("POST /teams/{team}/channels/{channel}/messages"))
    assert found["team"] == 4
    assert found["conversation"] == 1
    assert found["post"] == 1
    assert found["day"] == 3000 / 86_400
    assert found["app"] == 500
    assert found["global"] == 13_000


def test_import_is_five_a_second_per_channel_and_not_per_user() -> None:
    found = rates(asked("POST /teams/{team}/channels/{channel}/messages", user=None))
    assert found["import"] == 5
    assert found.keys().isdisjoint({"post", "conversation", "day"})


def test_members_of_chat_and_team_are_four_a_minute() -> None:
    for place in ("POST /chats/{chat}/members", "POST /teams/{team}/members"):
        four = [d for d in demands(asked(place)) if d.rate == Rate(count=4, seconds=60)]
        assert len(four) == 1


def test_export_has_no_limit_per_conversation() -> None:
    found = rates(asked("GET /users/{user}/chats/getAllMessages", user=None))
    assert found.keys().isdisjoint({"conversation", "team", "chats"})


def test_chats_are_listed_five_times_a_second_per_user() -> None:
    for place in (
        "GET /chats",
        "GET /users/{user}/chats",
        "GET /chats/{chat}",
        "POST /chats/{chat}/removeAllAccessForUser",
    ):
        assert rates(asked(place))["chats"] == 5


def test_presence_is_ten_thousand_in_thirty_seconds() -> None:
    for place in (
        "GET /users/{user}/presence",
        "POST /communications/getPresencesByUserId",
        "POST /users/{user}/presence/setPresence",
    ):
        found = {d.key[0]: d.rate for d in demands(asked(place))}
        assert found["presence"] == Rate(count=10_000, seconds=30)


@pytest.mark.parametrize(("people", "units"), [(10, 3500), (50, 5000), (499, 5000), (900, 8000)])
def test_the_directorys_quota_grows_with_the_tenant(people: int, units: int) -> None:
    found = {d.key[0]: d.rate for d in demands(asked("GET /users", people=people))}
    assert found["units"] == Rate(count=units, seconds=10)


def test_files_cost_resource_units() -> None:
    costs = {
        place: next(d.cost for d in demands(asked(place)) if d.key[0] == "files")
        for place in (
            "GET /drives/{drive}/items/{item}",
            "GET /drives/{drive}/items/{item}/children",
            "PUT /drives/{drive}/items/{item}/content",
            "POST /drives/{drive}/items/{item}/invite",
        )
    }
    assert list(costs.values()) == [1, 2, 2, 5]


def test_a_photo_counts_for_its_mailbox() -> None:
    found = [d for d in demands(asked("GET /users/{user}/photo/$value")) if "user" in d.key]
    assert [d.rate for d in found] == [Rate(count=10_000, seconds=600)]


def test_a_batch_itself_counts_as_one_request_of_the_app() -> None:
    assert [d.key[0] for d in demands(asked("POST /$batch"))] == ["global"]


def _demand(name: str = "x", cost: float = 1.0) -> Demand:
    return Demand(key=(name,), rate=Rate(count=2), cost=cost)


def test_a_bucket_fills_with_time_and_never_over_its_brim() -> None:
    buckets, play = Buckets(), Play()
    for _ in range(2):
        assert buckets.wait(_demand(), 0.0, play) == 0
        buckets.charge(_demand(), 0.0, play)
    assert buckets.wait(_demand(), 0.0, play) == 0.5
    assert buckets.wait(_demand(), 0.5, play) == 0
    assert buckets.wait(_demand(cost=2), 1000.0, play) == 0
    buckets.charge(_demand(cost=2), 1000.0, play)
    assert buckets.wait(_demand(), 1000.0, play) == 0.5


def test_a_clock_that_goes_back_neither_fills_nor_empties() -> None:
    buckets, play = Buckets(), Play()
    buckets.charge(_demand(), 100.0, play)
    assert buckets.wait(_demand(), 50.0, play) == 0
    assert buckets.wait(_demand(cost=2), 50.0, play) == 0.5


def test_full_buckets_are_forgotten() -> None:
    buckets, play = Buckets(), Play()
    for second in range(5000):
        buckets.charge(_demand(str(second)), float(second), play)
    assert len(buckets) < 2000


def test_there_are_never_more_buckets_than_allowed() -> None:
    buckets, play = Buckets(), Play()
    for number in range(BUCKETS_MAX + 5000):
        buckets.charge(_demand(str(number)), 0.0, play)
        assert len(buckets) <= BUCKETS_MAX
