"""How a likeness is kept: JSON in a bytea, as names may hold what text of Postgres cannot.

Whatever cannot be read is nothing known: the next message and the next look find out.
"""

from __future__ import annotations

from typing import Any

import orjson

from bridge.domain.events import PersonKind
from bridge.domain.ids import TenantId
from bridge.domain.likeness import Facet, Likeness, Picture, Standing


def encode(likeness: Likeness) -> bytes:
    """Write a likeness; what is as it is by default is left out."""
    picture = likeness.picture
    found: dict[str, object] = {
        "name": likeness.name,
        "kind": None if likeness.kind is PersonKind.USER else likeness.kind,
        "organisation": likeness.organisation,
        "home": likeness.home,
        "standing": likeness.standing,
        "picture": picture and {"tag": picture.tag, "digest": picture.digest, "uri": picture.uri},
        "facets": {facet.value: value for facet, value in likeness.facets.items()},
    }
    return orjson.dumps({name: value for name, value in found.items() if value})


def decode(raw: bytes | None) -> Likeness:
    """Read what `encode` wrote."""
    try:
        found: dict[str, Any] = orjson.loads(raw or b"{}")
        return Likeness(
            name=_text(found.get("name")),
            kind=PersonKind(found.get("kind", PersonKind.USER)),
            organisation=_text(found.get("organisation")),
            home=_tenant(found.get("home")),
            standing=Standing(found["standing"]) if "standing" in found else None,
            picture=_picture(found.get("picture")),
            facets={Facet(name): str(value) for name, value in found.get("facets", {}).items()},
        )
    except (ValueError, TypeError, AttributeError):
        return Likeness()


def _picture(found: Any) -> Picture | None:  # noqa: ANN401 -- JSON
    if not isinstance(found, dict):
        return None
    tag, digest, uri = (_text(found.get(name)) for name in ("tag", "digest", "uri"))
    return Picture(tag=tag, digest=digest or "", uri=uri or "") if tag else None


def _tenant(value: object) -> TenantId | None:
    return TenantId(value) if isinstance(value, str) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
