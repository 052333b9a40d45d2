"""Whatever is sent to teams and channels, the answer is in Graph's form and no server error."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from tests.unit.sandbox.tenant.team_place import Campus, campus, enc
from tests.unit.sandbox.tenant.test_fuzz import JSON, checked, examples

__all__ = ["campus"]
NAMES = st.sampled_from(
    [
        "displayName",
        "description",
        "visibility",
        "template@odata.bind",
        "group@odata.bind",
        "members",
        "channels",
        "memberSettings",
        "guestSettings",
        "messagingSettings",
        "funSettings",
        "giphyContentRating",
        "allowGiphy",
        "membershipType",
        "layoutType",
        "isFavoriteByDefault",
        "values",
        "roles",
        "userId",
        "@odata.type",
        "user@odata.bind",
        "shouldSetSpoSiteReadOnlyForMembers",
        "createdDateTime",
        "@microsoft.graph.teamCreationMode",
        "@microsoft.graph.channelCreationMode",
        "body",
        "subject",
        "reactionType",
    ]
)
WORDS = st.sampled_from(
    [
        "private",
        "shared",
        "owner",
        "migration",
        "chat",
        "https://[",
        "https://graph.microsoft.com/v1.0/teamsTemplates('standard')",
        "https://graph.microsoft.com/v1.0/users('x')",
        "#microsoft.graph.aadUserConversationMember",
    ]
)
NESTED = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
PATHS = [
    ("POST", "/teams"),
    ("PATCH", "/teams/{t}"),
    ("POST", "/teams/{t}/archive"),
    ("POST", "/teams/{t}/members"),
    ("POST", "/teams/{t}/members/add"),
    ("POST", "/teams/{t}/members/remove"),
    ("PATCH", "/teams/{t}/members/{p}"),
    ("POST", "/teams/{t}/channels"),
    ("PATCH", "/teams/{t}/channels/{c}"),
    ("POST", "/teams/{t}/channels/{c}/members"),
    ("POST", "/teams/{t}/channels/{c}/messages"),
    ("POST", "/teams/{t}/channels/{c}/messages/{m}/replies"),
    ("POST", "/teams/{t}/tags"),
]
LISTS = [
    "/teams",
    "/teams/{t}",
    "/teams/{t}/members",
    "/teams/{t}/channels",
    "/teams/{t}/allChannels",
    "/teams/{t}/channels/{c}",
    "/teams/{t}/channels/{c}/members",
    "/teams/{t}/channels/{c}/messages",
    "/teams/{t}/channels/{c}/messages/{m}/replies",
    "/teams/{t}/tags",
]


async def filled(campus: Campus, path: str) -> str:
    message = await campus.teams.type(campus.team.general, campus.alice.id, "hi")
    members = await campus.graph(None, "GET", f"{campus.team.path}/members")
    return path.format(
        t=campus.team.id,
        c=enc(campus.team.general.channel),
        m=message,
        p=enc(members.body["value"][0]["id"]),
    )


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_any_json_is_answered(campus: Campus, method: str, path: str) -> None:
    target = await filled(campus, path)
    for body in examples(st.dictionaries(NAMES, NESTED, max_size=5)):
        checked(await campus.graph(campus.alice, method, target, body))
        checked(await campus.graph(None, method, target, body))


async def test_any_bytes_are_answered(campus: Campus) -> None:
    for raw in examples(st.binary(max_size=200)):
        checked(await campus.graph(campus.alice, "POST", "/teams", raw))
        checked(await campus.graph(None, "POST", f"{campus.team.path}/archive", raw))


async def test_any_query_is_answered(campus: Campus) -> None:
    clause = st.tuples(
        st.sampled_from(["displayName", "id", "startswith(displayName,", "x"]),
        st.sampled_from([" eq ", " gt ", "", ",", " and ", ")"]),
        st.text(max_size=8).map(lambda text: f"'{text}'"),
    ).map("".join)
    query = st.dictionaries(
        st.sampled_from(["$top", "$filter", "$skiptoken", "$expand", "$select", "$count"]),
        st.text(max_size=20) | clause,
        max_size=3,
    ).map(lambda q: "&".join(f"{name}={enc(value)}" for name, value in q.items()))
    targets = [await filled(campus, path) for path in LISTS]
    for text in examples(query):
        for target in targets:
            checked(await campus.graph(None, "GET", f"{target}?{text}"))


async def test_any_function_call_is_answered(campus: Campus) -> None:
    general = campus.team.general.path
    for text in examples(st.text(max_size=30)):
        for form in (text, f"userId='{text}'", f"userId={text}", f"tenantId='{text}',{text}"):
            path = f"{general}/doesUserHaveAccess({enc(form)})"
            checked(await campus.graph(None, "GET", path))
