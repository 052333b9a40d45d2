"""What can be subscribed to, by whom, for how long and how often."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from bridge.sandbox.tenant import resources
from bridge.sandbox.tenant.catalog import Consent, TeamsApp
from bridge.sandbox.tenant.errors import GraphError
from bridge.sandbox.tenant.resources import RESOURCES, Resource
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Channel, Member, Membership, Team
from tests.unit.sandbox.tenant.place import (
    DELEGATED,
    REDIRECT,
    SECRET,
    Answer,
    Place,
    Subscriber,
    instant,
    later,
)

DIRECTORY = {"/users", "/users/{id}"}
SPECIFIC_APP = "5d2b7c1e-0000-4000-8000-000000000001"


def inside(place: Place) -> Tenant:
    return place.server.realm.tenants[place.tenant.id]


def add_team(place: Place, *people: str, closed: bool = False) -> tuple[str, str]:
    """A team with one channel, private if `closed`; returns both ids."""
    tenant = inside(place)
    now = tenant.clock.now()
    team = Team(id=f"team-{len(tenant.teams)}", name="Red", description=None, created=now)
    kind = Membership.PRIVATE if closed else Membership.STANDARD
    channel = Channel(
        id=f"19:{team.id}@thread.tacv2",
        created=now,
        updated=now,
        team=team,
        name="General",
        membership=kind,
    )
    for user in people:
        member = Member(id=f"member-{user}", user=tenant.users[user], roles=[])
        team.members[user] = channel.members[user] = member
    team.channels[channel.id] = channel
    tenant.teams[team.id] = team
    return team.id, channel.id


async def subscribe(place: Place, who: Any, subscriber: Subscriber, **more: Any) -> Answer:
    return await place.graph(who, "POST", "/subscriptions", subscriber.wish(**more))


async def allow(place: Place, *, app: Iterable[str] = (), users: Iterable[str] = ()) -> None:
    """Let the app by itself and on behalf of everyone do just this from now on."""
    scopes = list(users)
    await place.tenant.change_app(
        place.app, application_permissions=list(app), delegated_scopes=scopes
    )
    place._tokens.clear()
    for person in (place.alice, place.bob) if scopes else ():
        code = await place.code(person, scope=" ".join(["openid", *scopes]))
        answer = await place.token(
            grant_type="authorization_code", code=code, redirect_uri=REDIRECT
        )
        place._tokens[person.id] = answer.body["access_token"]


def concrete(place: Place, resource: Resource, ids: dict[str, str]) -> str:
    """The path of a resource with the ids of things that there are."""
    if resource.path == "/communications/presences":
        return f"{resource.path}?$filter=id in ('{place.alice.id}', '{place.bob.id}')"
    path = resource.path.replace("{team}", ids["team"])
    return path.replace("{id}", ids[resource.reach.value] if "{id}" in path else "")


def everything(place: Place) -> dict[str, str]:
    team, channel = add_team(place, place.alice.id)
    inside(place).catalog.apps["teams-app"] = TeamsApp(
        id="teams-app", external_id=SPECIFIC_APP, name="Bridge", client_id=place.app
    )
    return {
        "team": team,
        "channel": channel,
        "chat": place.chat,
        "user": place.alice.id,
        "app": "teams-app",
        "tenant": "",
    }


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.path)
async def test_every_resource_takes_the_permissions_of_microsofts_table_and_no_other(
    place: Place, subscriber: Subscriber, resource: Resource
) -> None:
    ids = everything(place)
    change = max(resource.changes)
    wish = {
        "resource": concrete(place, resource, ids),
        "changeType": change,
        "includeResourceData": resource.rich,
    }
    for who, accepted in (
        (None, resource.needs.application),
        (place.alice, resource.needs.delegated),
    ):
        for permission in accepted or ("Chat.Read.All", "Chat.Read"):
            granted = {"app": [permission]} if who is None else {"users": [permission]}
            await allow(place, **granted)
            made = await subscribe(place, who, subscriber, **wish)
            assert (made.status == 201) is bool(accepted), (permission, made.body)
            if made.status == 201:
                path = f"/subscriptions/{made.body['id']}"
                assert (await place.graph(who, "DELETE", path)).status == 204
        await allow(place, app=["Calendars.Read"], users=["User.Read", "Calendars.Read"])
        refused = await subscribe(place, who, subscriber, **wish)
        assert refused.status == (403 if accepted or resource.path in DIRECTORY else 412)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.path)
async def test_every_resource_has_its_own_changes_and_lifetime(
    place: Place, subscriber: Subscriber, resource: Resource
) -> None:
    ids = everything(place)
    await allow(place, app=list(resource.needs.application), users=list(resource.needs.delegated))
    who = None if resource.needs.application else place.alice
    wish = {
        "resource": concrete(place, resource, ids),
        "changeType": ",".join(resource.changes),
        "includeResourceData": False,
    }
    longest = resource.lifetime.total_seconds() / 60
    for unknown in {"created", "updated", "deleted"} - resource.changes:
        answer = await subscribe(place, who, subscriber, **(wish | {"changeType": unknown}))
        assert (answer.status, answer.code) == (400, "InvalidRequest")
    too_long = await subscribe(
        place, who, subscriber, **wish, expirationDateTime=later(longest + 10)
    )
    alone = {"lifecycleNotificationUrl": None, "expirationDateTime": later(longest)}
    without = await subscribe(place, who, subscriber, **(wish | alone))
    rich = await subscribe(place, who, subscriber, **(wish | {"includeResourceData": True}))

    assert too_long.message == (
        f"Subscription expiration can only be {longest:.0f} minutes in the future."
    )
    if resource.of_teams:
        assert without.message.startswith("lifecycleNotificationUrl is a required property")
        assert rich.status == (201 if resource.rich else 400)
    else:
        assert without.status == 201
        assert rich.status == (409 if resource.rich else 400)


async def test_graphs_own_ways_of_writing_a_resource_are_understood(
    place: Place, subscriber: Subscriber
) -> None:
    for resource in (
        "chats/getAllMessages()",
        f"chats('{place.chat}')/messages",
        f"/Chats/{place.group.replace(':', '%3A')}/Messages",
        f"users('{place.bob.upn}')/chats/getAllMessages?model=B",
    ):
        made = await subscribe(place, None, subscriber, resource=resource)
        assert (made.status, made.body["resource"]) == (201, resource)


@pytest.mark.parametrize(
    "resource",
    [
        "/chats/{c}/messages?$search=",
        "/chats/{c}/messages?$search=a&$search=b",
        "/chats/{c}/messages?$top=5",
        "/chats/{c}/messages?$filter=from/user/id eq 'x'",
        "/chats/{c}/messages?$filter=mentions/any(u: v/mentioned/user/id eq 'x')",
        "/chats/{c}/messages?model=A",
        "/chats/getAllMessages?model=C",
        "/chats/getAllMessages?$search=Hello",
        "/chats/{c}?notifyOnUserSpecificProperties=true",
        "/chats/{c}?notifyOnUserSpecificProperties=maybe",
        "/teams/getAllMessages/x",
        "/teams//channels",
        "/chats/getAllMembers/messages",
        "/chats/{c}/typing",
        "/communications/presences",
        "/?",
    ],
)
async def test_a_resource_or_an_option_that_is_not_documented_is_400(
    place: Place, subscriber: Subscriber, resource: str
) -> None:
    path = resource.format(c=place.chat)

    answer = await subscribe(place, None, subscriber, resource=path, changeType="updated")

    assert (answer.status, answer.code) == (400, "ExtensionError")
    assert subscriber.handshakes == []


async def test_presence_is_for_at_most_650_people_and_one_subscription(
    place: Place, subscriber: Subscriber
) -> None:
    await allow(place, users=["Presence.Read.All"])
    wish = {"changeType": "updated", "lifecycleNotificationUrl": None}
    ids = ",".join(f"'{n}'" for n in range(651))

    crowd = await subscribe(
        place,
        place.alice,
        subscriber,
        **wish,
        resource=f"/communications/presences?$filter=id in ({ids})",
    )
    one = f"/communications/presences/{place.bob.id}"
    mine = await subscribe(place, place.alice, subscriber, **wish, resource=one)
    again = f"/communications/presences/{place.carol.id}"
    second = await subscribe(place, place.alice, subscriber, **wish, resource=again)
    other = await subscribe(place, place.bob, subscriber, **wish, resource=again)

    assert (crowd.status, mine.status, other.status) == (400, 201, 201)
    assert (second.status, "has reached its limit of '1'" in second.message) == (403, True)


async def test_one_app_has_one_subscription_per_chat_and_is_told_so(
    place: Place, subscriber: Subscriber
) -> None:
    chat = f"/chats/{place.chat}/messages"
    await subscribe(place, None, subscriber, resource=chat)
    other_changes = await subscribe(place, None, subscriber, resource=chat, changeType="created")
    filtered = await subscribe(place, place.alice, subscriber, resource=f"{chat}?$search=hi")
    members = await subscribe(place, None, subscriber, resource=f"/chats/{place.chat}/members")
    await place.tenant.change_settings(subscribers_apart=True)
    apart = await subscribe(place, place.alice, subscriber, resource=chat)

    assert (other_changes.status, other_changes.code) == (403, "ExtensionError")
    assert other_changes.message == (
        "Operation: Create; Exception: [Status Code: Forbidden; Reason: "
        f"App '{place.app}' has reached its limit of '1' "
        f"'CHATS/{place.chat.upper()}/MESSAGES' subscription on tenant '{place.tenant.id}']"
    )
    assert [filtered.status, members.status, apart.status] == [403, 201, 201]


async def test_tenant_wide_resources_are_limited_by_analogy_unless_set_otherwise(
    place: Place, subscriber: Subscriber
) -> None:
    await subscribe(place, None, subscriber)
    strict = await subscribe(place, None, subscriber, changeType="created")
    await place.tenant.change_settings(one_subscription_per_whole_tenant=False)
    kind = await subscribe(place, None, subscriber, changeType="created")

    assert (strict.status, kind.status) == (403, 201)


async def test_ten_per_user_whatever_the_app_and_so_many_per_organisation(
    place: Place, subscriber: Subscriber
) -> None:
    resource = "/me/chats/getAllMessages"
    statuses, message = [], ""
    for number in range(11):
        place.app = await place.tenant.register_app(
            name=f"app {number}",
            secret=SECRET,
            redirect_uris=[REDIRECT],
            delegated_scopes=DELEGATED,
        )
        place._tokens.clear()
        answer = await subscribe(place, place.alice, subscriber, resource=resource)
        statuses.append(answer.status)
        message = answer.message if answer.status == 403 else message
    await place.tenant.change_settings(subscriptions_max=11)
    members = f"/chats/{place.chat}/members"
    last = await subscribe(place, place.alice, subscriber, resource=members)
    above = await subscribe(place, place.bob, subscriber, resource=resource)

    assert statuses == [201] * 10 + [403]
    assert f"User '{place.alice.id}' has reached its limit of '10'" in message
    assert (last.status, above.status) == (201, 403)
    assert f"Organization '{place.tenant.id}' has reached its limit of '11'" in above.message


async def test_what_is_over_makes_room(place: Place, subscriber: Subscriber) -> None:
    made = await subscribe(place, None, subscriber)
    await place.tenant.advance_clock(timedelta(minutes=51))
    in_time = later(100)
    again = await subscribe(place, None, subscriber, expirationDateTime=in_time)
    path = f"/subscriptions/{again.body['id']}"
    await place.graph(None, "DELETE", path)
    third = await subscribe(place, None, subscriber, expirationDateTime=in_time)

    assert {made.status, again.status, third.status} == {201}


async def test_a_users_things_are_that_users_own(place: Place, subscriber: Subscriber) -> None:
    team, channel = add_team(place, place.alice.id)
    await allow(place, users=["Chat.Read", "ChannelMessage.Read.All", "Team.ReadBasic.All"])
    place_of = f"/teams/{team}/channels/{channel}/messages"
    for resource, status in (
        (f"/users/{place.alice.id}/chats/getAllMessages", 403),
        (f"/users/{place.alice.id}/chats", 403),
        (place_of, 403),
        (f"/teams/{team}", 403),
        ("/teams/nowhere", 404),
        (f"/teams/{team}/channels/nowhere/messages", 404),
        ("/users/nobody/chats", 404),
        ("/chats/nowhere/members", 404),
        (f"/chats/{place.chat}/messages", 201),
    ):
        answer = await subscribe(
            place, place.bob, subscriber, resource=resource, changeType="updated"
        )
        assert answer.status == status, resource


async def test_an_installed_app_may_where_it_is_installed(
    place: Place, subscriber: Subscriber
) -> None:
    team, channel = add_team(place, place.alice.id)
    _, closed = add_team(place, place.alice.id, closed=True)
    consents = (Consent(name="ChannelMessage.Read.Group"), Consent(name="ChatMember.Read.Chat"))
    app = TeamsApp(
        id="t", external_id=SPECIFIC_APP, name="Bridge", client_id=place.app, consents=consents
    )
    catalog = inside(place).catalog
    catalog.apps[app.id] = app
    for where in (team, "team-1", place.chat):
        catalog.install(app, where, consents)
    await allow(place, app=["Calendars.Read"])

    for resource, status in (
        (f"/teams/{team}/channels/{channel}/messages", 201),
        (f"/teams/team-1/channels/{closed}/messages", 403),
        (f"/chats/{place.chat}/members", 201),
        (f"/chats/{place.chat}/messages", 403),
        (f"/chats/{place.group}/members", 403),
        ("/teams/getAllMessages", 403),
    ):
        answer = await subscribe(place, None, subscriber, resource=resource)
        assert answer.status == status, resource


async def test_somebody_elses_teams_app_is_not_ones_own(
    place: Place, subscriber: Subscriber
) -> None:
    everything(place)
    inside(place).catalog.apps["other"] = TeamsApp(
        id="other", external_id=SPECIFIC_APP, name="Other", client_id="somebody-else"
    )
    await allow(place, app=["Chat.Read.WhereInstalled"])
    path = "/appCatalogs/teamsApps/{}/installedToChats/getAllMessages"
    statuses = [
        (
            await subscribe(
                place, None, subscriber, resource=path.format(name), includeResourceData=False
            )
        ).status
        for name in ("teams-app", "other", "none")
    ]

    assert statuses == [201, 403, 404]


async def test_messages_may_need_microsofts_approval_of_the_app(
    place: Place, subscriber: Subscriber
) -> None:
    await place.tenant.change_settings(protected_apis_form=True)
    refused = await subscribe(place, None, subscriber)
    other = await subscribe(place, None, subscriber, resource="/chats/getAllMembers")
    person = await subscribe(place, place.alice, subscriber, resource="/me/chats/getAllMessages")
    inside(place).catalog.approved.add(place.app)
    approved = await subscribe(place, None, subscriber)

    assert (refused.status, refused.code, refused.message) == (403, "UnknownError", "")
    assert [other.status, person.status, approved.status] == [201, 201, 201]


async def test_only_what_may_change_is_changed(place: Place, subscriber: Subscriber) -> None:
    made = await subscribe(place, None, subscriber, lifecycleNotificationUrl=None)
    path = f"/subscriptions/{made.body['id']}"
    for patch in (
        {"lifecycleNotificationUrl": f"{subscriber.url}/lifecycle"},
        {"resource": "/chats"},
        {"changeType": "created"},
        {"expirationDateTime": later(90)},
        {"expirationDateTime": None},
        {"notificationUrl": "http://127.0.0.1/x"},
        {"encryptionCertificate": "AAAA", "encryptionCertificateId": "x"},
        {"colour": "red"},
    ):
        assert (await place.graph(None, "PATCH", path, patch)).status == 400, patch
    moved = await place.graph(
        None, "PATCH", path, {"notificationUrl": f"{subscriber.url}/elsewhere"}
    )
    await place.tenant.type(place.chat, place.alice.id, "x")

    assert (await place.graph(None, "GET", path)).body["lifecycleNotificationUrl"] is None
    assert moved.status == 200
    assert subscriber.handshakes == ["/notify", "/elsewhere"]
    assert (await subscriber.posted(1))[0]["path"] == "/elsewhere"


async def test_both_addresses_are_asked_even_if_they_are_one(
    place: Place, subscriber: Subscriber
) -> None:
    one = f"{subscriber.url}/one?secret=a%2Bb"
    made = await subscribe(
        place, None, subscriber, notificationUrl=one, lifecycleNotificationUrl=one
    )

    assert made.status == 201
    assert subscriber.handshakes == ["/one", "/one"]


async def test_who_is_asked_must_answer_in_time(place: Place, subscriber: Subscriber) -> None:
    subscriber.handshake = "never"
    await place.tenant.change_settings(handshake_timeout_seconds=0.05)

    answer = await subscribe(place, None, subscriber)

    assert answer.message == "Subscription validation request timed out."


async def test_patch_and_reauthorize_within_ten_minutes_undo_each_other(
    place: Place, subscriber: Subscriber
) -> None:
    made = await subscribe(place, None, subscriber)
    path = f"/subscriptions/{made.body['id']}"
    await place.graph(None, "POST", f"{path}/reauthorize")
    lost = await place.graph(None, "PATCH", path, {"expirationDateTime": later(600)})
    kept = (await place.graph(None, "GET", path)).body["expirationDateTime"]
    await place.tenant.change_settings(double_renewal_forgets=False)
    done = await place.graph(None, "PATCH", path, {"expirationDateTime": later(600)})

    assert lost.status == 200
    assert instant(lost.body["expirationDateTime"]) > instant(later(500))
    assert kept == made.body["expirationDateTime"]
    assert (await place.graph(None, "GET", path)).body == done.body
    counted = (await place.tenant.subscriptions())[0]["double_renewals"]
    assert counted == 2


async def test_a_patch_alone_renews_as_often_as_it_likes(
    place: Place, subscriber: Subscriber
) -> None:
    made = await subscribe(place, None, subscriber)
    path = f"/subscriptions/{made.body['id']}"
    for minutes in (100, 200):
        answer = await place.graph(None, "PATCH", path, {"expirationDateTime": later(minutes)})
        assert answer.body == (await place.graph(None, "GET", path)).body
    assert (await place.tenant.subscriptions())[0]["double_renewals"] == 0


@settings(max_examples=300, database=None, derandomize=True, deadline=None)
@given(
    st.sampled_from([resource.path for resource in RESOURCES]),
    st.text(max_size=20),
    st.text(max_size=30),
)
def test_any_text_is_a_resource_or_a_400(path: str, name: str, query: str) -> None:
    for text in (query, path.replace("{id}", name), f"{path}?{query}", f"{name}/{path}"):
        assert parsed(text) in (400, True)


def parsed(text: str) -> bool | int:
    """The status of the refusal, or whether the target names something."""
    try:
        resource, target = resources.parse(text)
    except GraphError as error:
        return error.status
    return bool(target.ids) is (resource.reach != "tenant")


async def test_any_options_are_answered(place: Place, subscriber: Subscriber) -> None:
    spoilt = st.builds(
        lambda name, value, more: {"resource": f"/chats/{{c}}/messages?{name}={value}{more}"},
        st.sampled_from(["$search", "$filter", "model", "notifyOnUserSpecificProperties", ""]),
        st.text(max_size=20),
        st.sampled_from(["", "&", "&&", "=", "?"]),
    )
    found: list[dict[str, str]] = []

    @settings(
        max_examples=25,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(spoilt)
    def collect(value: dict[str, str]) -> None:
        found.append(value)

    collect()
    for wish in found:
        wish["resource"] = wish["resource"].replace("{c}", place.chat)
        answer = await subscribe(place, None, subscriber, **wish)
        assert answer.status < 500
        if answer.status == 201:
            await place.graph(None, "DELETE", f"/subscriptions/{answer.body['id']}")


async def test_chats_of_one_user_may_not_take_content(place: Place, subscriber: Subscriber) -> None:
    resource = f"/users/{place.alice.id}/chats?notifyOnUserSpecificProperties=true"
    wish = {"resource": resource, "changeType": "updated"}
    await place.tenant.change_settings(user_chats_with_content=False)

    refused = await subscribe(place, place.alice, subscriber, **wish)
    other = await subscribe(
        place, place.alice, subscriber, resource=f"/chats/{place.group}", changeType="updated"
    )

    assert (refused.status, refused.code) == (400, "InvalidRequest")
    assert other.status == 201


async def test_a_chat_may_be_read_until_its_newest_message(place: Place) -> None:
    await place.tenant.change_settings(views_read_until_last_message=True)
    said = await place.tenant.type(place.group, place.bob.id, "hello")
    await place.tenant.advance_clock(timedelta(minutes=1))
    await place.tenant.see(place.group, place.alice.id, read=True)
    chat = (await place.graph(place.alice, "GET", f"/chats/{place.group}")).body
    message = (await place.graph(place.alice, "GET", f"/chats/{place.group}/messages/{said}")).body
    assert chat["viewpoint"]["lastMessageReadDateTime"] == message["createdDateTime"]
