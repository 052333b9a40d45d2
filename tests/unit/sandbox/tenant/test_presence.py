"""Presence: who is there, what apps and people may set, and what time makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_people import PeopleClient
from tests.unit.sandbox.tenant.files_kit import refused
from tests.unit.sandbox.tenant.place import APPLICATION, DELEGATED, Answer, Place, Subscriber

READS = "Presence.Read.All"


@pytest.fixture
async def people(place: Place) -> PeopleClient:
    await place.tenant.change_app(
        place.app,
        application_permissions=[*APPLICATION, READS, "Presence.ReadWrite.All"],
        delegated_scopes=[*DELEGATED, READS, "Presence.ReadWrite"],
    )
    return PeopleClient(place.tenant)


async def seen(place: Place, who: Person, reader: Person | None = None) -> tuple[str, str]:
    body = (await place.graph(reader, "GET", f"/users/{who.id}/presence")).body
    return body["availability"], body["activity"]


async def set_(place: Place, who: Person | None, name: str, body: Any) -> Answer:
    return await place.graph(who, "POST", f"/users/{place.bob.id}/presence/{name}", body)


def session(place: Place, availability: str, activity: str, **more: str) -> dict[str, str]:
    return {
        "sessionId": place.app,
        "availability": availability,
        "activity": activity,
        **more,
    }


async def test_who_has_no_client_open_is_offline(place: Place, people: PeopleClient) -> None:
    assert await seen(place, place.bob) == ("Offline", "Offline")
    await people.set_presence(place.bob.id, "Busy", "InAMeeting")
    assert await seen(place, place.bob, place.alice) == ("Busy", "InAMeeting")
    await people.set_presence(place.bob.id, None)
    assert await seen(place, place.bob) == ("Offline", "Offline")
    await place.tenant.change_settings(presence_casing="camel")
    assert await seen(place, place.bob) == ("offline", "offline")


async def test_own_presence_takes_less_than_others(place: Place) -> None:
    await place.tenant.change_app(place.app, delegated_scopes=[*DELEGATED, "Presence.Read"])
    assert (await place.graph(place.alice, "GET", "/me/presence")).status == 200
    other = f"/users/{place.bob.id}/presence"
    refused(await place.graph(place.alice, "GET", other), 403, "Forbidden")
    by_id = f"/communications/presences/{place.alice.id}"
    assert (await place.graph(place.alice, "GET", by_id)).body["id"] == place.alice.id


async def test_an_app_s_session_fades_and_ends(place: Place, people: PeopleClient) -> None:
    body = session(place, "Available", "Available", expirationDuration="PT15M")
    assert (await set_(place, None, "setPresence", body)).status == 200
    steps = [
        (0, ("Available", "Available")),
        (5, ("Available", "AvailableInactive")),
        (5, ("Away", "Away")),
        (5, ("Offline", "Offline")),
    ]
    for minutes, expected in steps:
        await place.tenant.advance_clock(timedelta(minutes=minutes))
        assert await seen(place, place.bob) == expected
    await set_(place, None, "setPresence", session(place, "Busy", "InACall"))
    assert await seen(place, place.bob) == ("Busy", "InACall")
    assert (await set_(place, None, "clearPresence", {"sessionId": place.app})).status == 200
    assert await seen(place, place.bob) == ("Offline", "Offline")


async def test_the_strongest_session_shows_and_a_wish_before_all(
    place: Place, people: PeopleClient
) -> None:
    wish = {"availability": "BeRightBack", "activity": "BeRightBack"}
    await set_(place, place.bob, "setUserPreferredPresence", wish)
    assert await seen(place, place.bob) == ("Offline", "Offline")
    await people.set_presence(place.bob.id, "Available")
    assert await seen(place, place.bob) == ("BeRightBack", "BeRightBack")
    await set_(place, place.bob, "clearUserPreferredPresence", {})
    assert await seen(place, place.bob) == ("Available", "Available")
    await set_(place, None, "setPresence", session(place, "DoNotDisturb", "Presenting"))
    assert await seen(place, place.bob) == ("DoNotDisturb", "Presenting")
    await place.tenant.advance_clock(timedelta(minutes=5))
    assert await seen(place, place.bob) == ("Available", "Available")


async def test_wishes_end_after_a_day_or_a_week(place: Place, people: PeopleClient) -> None:
    await people.set_presence(place.bob.id, "Available")
    await set_(
        place, None, "setUserPreferredPresence", {"availability": "Busy", "activity": "Busy"}
    )
    await place.tenant.advance_clock(timedelta(hours=23))
    place._tokens.clear()
    assert await seen(place, place.bob) == ("Busy", "Busy")
    await place.tenant.advance_clock(timedelta(hours=1))
    place._tokens.clear()
    assert await seen(place, place.bob) == ("Available", "Available")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("setPresence", {"sessionId": str(uuid4())}),
        ("setPresence", {"sessionId": None}),
        ("setPresence", {"availability": "OutOfOffice"}),
        ("setPresence", {"activity": "InAMeeting"}),
        ("setPresence", {"expirationDuration": "PT4M"}),
        ("setPresence", {"expirationDuration": "PT241M"}),
        ("setPresence", {"expirationDuration": "soon"}),
        ("setPresence", {"expirationDuration": "P"}),
        ("setPresence", {"mood": "good"}),
        ("setUserPreferredPresence", {"sessionId": "x"}),
        ("clearPresence", {}),
        ("setStatusMessage", {}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    place: Place, people: PeopleClient, name: str, change: dict[str, Any]
) -> None:
    body = session(place, "Busy", "InACall") | change
    refused(await set_(place, None, name, body), 400, "BadRequest")


async def test_a_user_sets_the_own_presence_alone(place: Place, people: PeopleClient) -> None:
    body = session(place, "Busy", "InACall")
    refused(await set_(place, place.alice, "setPresence", body), 403, "Forbidden")
    assert (await set_(place, place.bob, "setPresence", body)).status == 200


async def test_a_status_message_tells_others_less_and_ends(
    place: Place, people: PeopleClient
) -> None:
    until = place.server.realm.tenants[place.tenant.id].clock.now() + timedelta(hours=2)
    message = {
        "message": {"content": "At tea", "contentType": "text"},
        "expiryDateTime": {"dateTime": until.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"},
    }
    answer = await set_(place, place.bob, "setStatusMessage", {"statusMessage": message})
    assert answer.status == 200
    own = (await place.graph(place.bob, "GET", "/me/presence")).body["statusMessage"]
    assert own["expiryDateTime"] == message["expiryDateTime"]
    assert own["publishedDateTime"] is not None
    others = (await place.graph(place.alice, "GET", f"/users/{place.bob.id}/presence")).body
    assert others["statusMessage"] == {"message": {"content": "At tea", "contentType": "text"}}
    await place.tenant.advance_clock(timedelta(hours=2))
    place._tokens.clear()
    gone = (await place.graph(None, "GET", f"/users/{place.bob.id}/presence")).body
    assert gone["statusMessage"] is None


@pytest.mark.parametrize(
    "moment",
    [
        {"dateTime": "2030-01-01T12:00:00", "timeZone": "Mars/Olympus"},
        {"dateTime": "tomorrow", "timeZone": "UTC"},
        {"dateTime": "2030-01-01T12:00:00", "timeZone": "../../etc/passwd"},
        {"timeZone": "UTC"},
        "2030-01-01",
    ],
)
async def test_a_status_message_with_no_usable_end_is_refused(
    place: Place, people: PeopleClient, moment: Any
) -> None:
    status = {"message": {"content": "x"}, "expiryDateTime": moment}
    answer = await set_(place, None, "setStatusMessage", {"statusMessage": status})
    refused(answer, 400, "BadRequest")


async def test_many_presences_are_read_at_once(place: Place, people: PeopleClient) -> None:
    await people.set_presence(place.alice.id, "Available")
    await people.set_out_of_office(place.alice.id, "Back on Monday")
    nobody = str(uuid4())
    path = "/communications/getPresencesByUserId"
    answer = await place.graph(None, "POST", path, {"ids": [place.alice.id, nobody]})
    [alice, unknown] = answer.body["value"]
    assert (alice["availability"], alice["activity"]) == ("Available", "OutOfOffice")
    assert alice["outOfOfficeSettings"] == {"isOutOfOffice": True, "message": "Back on Monday"}
    assert (unknown["id"], unknown["availability"]) == (nobody, "PresenceUnknown")
    for ids in ([], [nobody] * 651, "x", [1]):
        refused(await place.graph(None, "POST", path, {"ids": ids}), 400, "BadRequest")


async def test_subscribers_hear_of_changes_also_of_those_that_time_makes(
    place: Place, people: PeopleClient, subscriber: Subscriber
) -> None:
    wish = subscriber.wish(f"/communications/presences/{place.bob.id}", changeType="updated")
    made = await place.graph(place.alice, "POST", "/subscriptions", wish)
    assert made.status == 201, made.body
    await set_(place, None, "setPresence", session(place, "Busy", "InACall"))
    first = await subscriber.arrived(1)
    assert subscriber.open(first[0]["encryptedContent"])["activity"] == "InACall"
    await place.tenant.advance_clock(timedelta(minutes=5))
    items = await subscriber.arrived(2)
    assert subscriber.open(items[1]["encryptedContent"])["availability"] == "Offline"


async def test_the_sequence_number_grows_with_every_change(
    place: Place, people: PeopleClient
) -> None:
    numbers = []
    for availability in ("Available", "Busy", "Away"):
        await people.set_presence(place.bob.id, availability)
        body = (await place.graph(None, "GET", f"/users/{place.bob.id}/presence")).body
        numbers.append(body["sequenceNumber"])
    assert numbers == sorted(set(numbers))
