"""Tags of a team: groups of its people that can be mentioned together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.sandbox.tenant.team_place import Campus, campus, enc, ids, names

__all__ = ["campus"]


async def test_a_tag_is_made_read_renamed_and_deleted(campus: Campus) -> None:
    path = f"{campus.team.path}/tags"
    body = {
        "displayName": "Bakers",
        "members": [{"userId": campus.alice.id}, {"userId": campus.bob.id}],
    }

    made = await campus.graph(campus.alice, "POST", path, body)
    own = f"{path}/{enc(made.body['id'])}"
    again = await campus.graph(None, "POST", path, body)
    renamed = await campus.graph(None, "PATCH", own, {"displayName": "Cooks"})
    found = await campus.graph(campus.bob, "GET", own)
    listed = await campus.graph(campus.bob, "GET", path)
    by_member = await campus.graph(campus.bob, "DELETE", own)
    deleted = await campus.graph(campus.alice, "DELETE", own)
    gone = await campus.graph(None, "GET", own)

    assert (made.status, made.body["memberCount"], made.body["tagType"]) == (201, 2, "standard")
    assert made.body["teamId"] == campus.team.id
    assert again.status == 400
    assert (renamed.status, renamed.body["displayName"]) == (200, "Cooks")
    assert found.body["displayName"] == "Cooks"
    assert names(listed) == ["Cooks"]
    assert (by_member.status, deleted.status, gone.status) == (403, 204, 404)


async def test_people_are_put_into_a_tag_and_taken_out(campus: Campus) -> None:
    tag = await campus.teams.create_tag(campus.team.id, "Bakers", [campus.alice.id])
    members = f"{campus.team.path}/tags/{enc(tag)}/members"

    by_person = await campus.graph(campus.alice, "POST", members, {"userId": campus.bob.id})
    made = await campus.graph(None, "POST", members, {"userId": campus.bob.id})
    twice = await campus.graph(None, "POST", members, {"userId": campus.bob.id})
    stranger = await campus.graph(None, "POST", members, {"userId": campus.carol.id})
    listed = await campus.graph(campus.bob, "GET", members)
    one = await campus.graph(campus.bob, "GET", f"{members}/{enc(made.body['id'])}")
    removed = await campus.graph(campus.alice, "DELETE", f"{members}/{enc(made.body['id'])}")
    after = await campus.graph(None, "GET", members)

    assert by_person.status == 412
    assert (made.status, made.body["userId"]) == (201, campus.bob.id)
    assert (twice.status, stranger.status) == (400, 400)
    assert names(listed) == ["Alice Liddell", "Bob Builder"]
    assert one.body["tenantId"] == campus.place.tenant.id
    assert removed.status == 204
    assert names(after) == ["Alice Liddell"]


async def test_a_stranger_to_the_team_sees_no_tags(campus: Campus) -> None:
    tag = await campus.teams.create_tag(campus.team.id, "Bakers", [campus.alice.id])

    listed = await campus.graph(campus.carol, "GET", f"{campus.team.path}/tags")
    for_app = await campus.graph(None, "GET", f"{campus.team.path}/tags")

    assert listed.status == 403
    assert ids(for_app) == [tag]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"displayName": "x"},
        {"displayName": "x", "members": []},
        {"displayName": "x" * 41, "members": [{"userId": "?"}]},
        {"displayName": "x", "members": [{}]},
        {"displayName": "x", "members": [{"userId": "nobody"}]},
        {"displayName": "x", "members": [{"userId": "nobody"}] * 26},
        {"displayName": 7, "members": [{"userId": "nobody"}]},
        {"displayName": "x", "members": "all"},
        {"displayName": "x", "nonsense": 1},
        [],
    ],
)
async def test_a_malformed_tag_is_refused(campus: Campus, body: Any) -> None:
    answer = await campus.graph(None, "POST", f"{campus.team.path}/tags", body)

    assert (answer.status, answer.code) == (400, "BadRequest")
