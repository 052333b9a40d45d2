"""Files, photos and people, as far as Graph's OpenAPI description leaves them out.

Sources: learn.microsoft.com graph/api/resources drive, quota, uploadsession; graph/api drive-get,
driveitem-get, -list-children, -post-children, -update, -delete, -get-content, -put-content,
-createuploadsession, -invite, -createlink, -list-permissions, permission-get, permission-delete,
site-get, site-getbypath; directory-deleteditems-list, -get; directoryobject-getbyids.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_GRAPH = "#/components/schemas/microsoft.graph."
_TEXT: Json = {"type": "string"}
_BYTES: Json = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}


def _ref(name: str) -> Json:
    return {"$ref": _GRAPH + name}


def _json(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def _list(name: str) -> Json:
    links = ("@odata.context", "@odata.nextLink", "@odata.deltaLink")
    properties: Json = dict.fromkeys(links, _TEXT)
    return {
        "type": "object",
        "properties": properties | {"value": {"type": "array", "items": _ref(name)}},
    }


def _operation(answer: Json | None = None, *, takes: Json | None = None) -> Json:
    query = ("$select", "$expand", "$top", "$orderby", "$filter", "$count", "$search")
    body = {} if takes is None else {"requestBody": _json(takes)}
    return {
        **body,
        "parameters": [{"name": name, "in": "query"} for name in query],
        "responses": {"204": {}} if answer is None else {"2XX": _json(answer)},
    }


SCHEMAS: Json = {
    "microsoft.graph.quota": {
        "type": "object",
        "properties": {
            **{key: {"type": "integer"} for key in ("deleted", "remaining", "total", "used")},
            "state": _TEXT,
        },
    },
    "microsoft.graph.drive": {
        "allOf": [
            _ref("baseItem"),
            {
                "type": "object",
                "properties": {
                    "driveType": _TEXT,
                    "owner": _ref("sharePointIdentitySet"),
                    "quota": _ref("quota"),
                },
            },
        ]
    },
    "microsoft.graph.uploadSession": {
        "type": "object",
        "properties": {
            "uploadUrl": _TEXT,
            "expirationDateTime": {"type": "string", "format": "date-time"},
            "nextExpectedRanges": {"type": "array", "items": _TEXT},
        },
    },
}

_OBJECT: Json = {"type": "object"}


def _items(drive: str) -> Json:
    found: Json = {}
    for item in ("/root", "/items/{item-id}", "/root:/{path}", "/items/{item-id}:/{path}"):
        below = f"{drive}{item}:" if "{path}" in item else f"{drive}{item}"
        found[f"{drive}{item}"] = {
            "get": _operation(_ref("driveItem")),
            "patch": _operation(_ref("driveItem"), takes=_ref("driveItem")),
            "delete": _operation(),
        }
        found[f"{below}/children"] = {
            "get": _operation(_list("driveItem")),
            "post": _operation(_ref("driveItem"), takes=_ref("driveItem")),
        }
        found[f"{below}/content"] = {
            "get": {"responses": {"2XX": _BYTES}},
            "put": {
                "requestBody": _BYTES,
                "parameters": [{"name": "@microsoft.graph.conflictBehavior", "in": "query"}],
                "responses": {"2XX": _json(_ref("driveItem"))},
            },
        }
        found[f"{below}/createUploadSession"] = {
            "post": _operation(_ref("uploadSession"), takes=_OBJECT)
        }
    item = f"{drive}/items/{{item-id}}"
    return found | {
        f"{item}/invite": {"post": _operation(_list("permission"), takes=_OBJECT)},
        f"{item}/createLink": {"post": _operation(_ref("permission"), takes=_OBJECT)},
        f"{item}/permissions": {"get": _operation(_list("permission"))},
        f"{item}/permissions/{{permission-id}}": {
            "get": _operation(_ref("permission")),
            "delete": _operation(),
        },
    }


PATHS: Json = {
    **_items("/drives/{drive-id}"),
    **_items("/users/{user-id}/drive"),
    "/drives/{drive-id}": {"get": _operation(_ref("drive"))},
    **{
        f"/{owners}/{{owner-id}}/{drives}": {
            "get": _operation(_ref("drive") if drives == "drive" else _list("drive"))
        }
        for owners in ("users", "groups", "sites")
        for drives in ("drive", "drives")
    },
    "/sites/{site-id}": {"get": _operation(_ref("site"))},
    "/sites/{site-id}:/{path}": {"get": _operation(_ref("site"))},
    "/directoryObjects/getByIds": {"post": _operation(_list("directoryObject"), takes=_OBJECT)},
    "/directory/deletedItems/microsoft.graph.user": {"get": _operation(_list("user"))},
    "/directory/deletedItems/{directoryObject-id}": {"get": _operation(_ref("directoryObject"))},
}
