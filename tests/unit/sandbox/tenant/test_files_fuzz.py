"""Whatever is sent about files and people is answered in Microsoft's form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from yarl import URL

from tests.unit.sandbox.tenant.files_kit import Office, open_office
from tests.unit.sandbox.tenant.place import Place, enc
from tests.unit.sandbox.tenant.test_fuzz import JSON, checked, examples

WORDS = st.sampled_from(
    ["read", "write", "view", "edit", "organization", "users", "rename", "Busy", "InACall", "PT5M"]
)
NAMES = st.sampled_from(
    [
        "@microsoft.graph.conflictBehavior",
        "item",
        "name",
        "fileSize",
        "deferCommit",
        "folder",
        "parentReference",
        "id",
        "driveId",
        "recipients",
        "email",
        "objectId",
        "roles",
        "message",
        "content",
        "requireSignIn",
        "type",
        "scope",
        "expirationDateTime",
        "ids",
        "types",
        "sessionId",
        "availability",
        "activity",
        "expirationDuration",
        "statusMessage",
        "expiryDateTime",
        "dateTime",
        "timeZone",
    ]
)
NESTED = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
BODIES = st.dictionaries(NAMES, NESTED, max_size=5)
PLACES = [
    ("POST", "/me/drive/root/children"),
    ("POST", "/me/drive/root:/x.txt:/createUploadSession"),
    ("POST", "/me/drive/items/{item}/createUploadSession"),
    ("PATCH", "/me/drive/items/{item}"),
    ("POST", "/me/drive/items/{item}/invite"),
    ("POST", "/me/drive/items/{item}/createLink"),
    ("POST", "/users/getByIds"),
    ("POST", "/communications/getPresencesByUserId"),
    ("POST", "/me/presence/setPresence"),
    ("POST", "/me/presence/setUserPreferredPresence"),
    ("POST", "/me/presence/setStatusMessage"),
    ("PUT", "/me/photo/$value"),
]


@pytest.fixture
async def office(place: Place) -> Office:
    office = await open_office(place)
    await place.tenant.change_app(
        place.app,
        delegated_scopes=[
            "Chat.ReadWrite",
            "Files.ReadWrite.All",
            "User.ReadWrite",
            "Directory.Read.All",
            "Presence.Read.All",
            "Presence.ReadWrite",
        ],
    )
    return office


async def test_any_json_is_answered(office: Office) -> None:
    alice = office.place.alice
    item = (await office.put(alice, "a.txt", b"x")).body["id"]
    bodies = examples(BODIES)
    for method, path in PLACES:
        for body in bodies:
            checked(await office.graph(alice, method, path.format(item=item), body))


async def test_any_path_of_a_file_is_answered(office: Office) -> None:
    alice = office.place.alice
    texts = examples(st.text(max_size=30))
    odd = ["", ":", "::", "/", "a/../b", "..", "%", "a:b", "x" * 500, "/".join("a" * 60), "('x')"]
    for text in [*texts, *odd]:
        for tail in ("", ":", ":/", ":/content", ":/children", ":/createUploadSession"):
            path = f"/me/drive/root:/{enc(text)}{tail}"
            checked(await office.graph(alice, "GET", path, allow_redirects=False))
        checked(await office.graph(alice, "PUT", f"/me/drive/root:/{enc(text)}:/content", b"x"))
        checked(await office.graph(alice, "GET", f"/shares/{enc(text)}/driveItem"))


async def test_any_query_of_users_is_answered(office: Office) -> None:
    pieces = st.sampled_from(
        [
            "displayName",
            "mail",
            "eq",
            "ne",
            "in",
            "and",
            "or",
            "not",
            "(",
            ")",
            ",",
            "'a'",
            "null",
            "true",
            "startswith",
            "endswith",
            '"displayName:a"',
            "AND",
            "desc",
            "é",
        ]
    )
    texts = st.lists(pieces, max_size=8).map(" ".join)
    headers = {"ConsistencyLevel": "eventual"}
    for text in examples(texts):
        for name in ("$filter", "$search", "$orderby", "$select", "$skiptoken", "$expand", "$top"):
            query = f"{name}={enc(text)}&$count=true"
            checked(await office.graph(None, "GET", f"/users?{query}", headers=headers))
            checked(await office.graph(None, "GET", f"/users/delta?{query}"))


async def test_anything_at_the_addresses_for_bytes_is_answered(office: Office) -> None:
    alice = office.place.alice
    made = (await office.put(alice, "a.txt", b"0123456789")).body
    down = URL(made["@microsoft.graph.downloadUrl"], encoded=True)
    up = URL(await office.begin(alice, "b.txt"), encoded=True)
    texts = examples(st.text(st.characters(codec="ascii"), max_size=20))
    odd = ["bytes 0-0/1", "bytes 9-1/10", "bytes=5-2", "bytes=-", "bytes=-0", "bytes=99-", "v1.x.y"]

    async def there(method: str, url: Any, **headers: str) -> None:
        answer = await office.open(method, str(url), data=b"x", headers=headers)
        assert answer.status in (200, 201, 202, 204, 206) or answer.status >= 400
        checked(answer)

    for text in [*texts, *odd]:
        header = "".join(c for c in text if " " <= c <= "~").strip()
        for url in (down, up):
            for name in ("tempauth", "UniqueId"):
                await there("GET", url.update_query({name: text}))
            for method in ("GET", "PUT", "POST", "PATCH"):
                await there(method, url, Range=header, **{"Content-Range": header})
