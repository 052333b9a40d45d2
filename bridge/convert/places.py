"""A place that somebody shows in Matrix -> a `Body`: what it is called, and a link to a map. Total.

Matrix spec v1.19, client-server § m.location; MSC3488 for what clients send beside it; RFC 5870 for
`geo:`. No client of Teams opens `geo:`, so the link is to OpenStreetMap, which asks for no account; the
coordinates are its words, for whoever wants another map, or none to know where they look.
"""

from __future__ import annotations

import re

from bridge.convert.extensible import Json, object_in, text_in
from bridge.domain.content import Body, Inline, LineBreak, Link, Paragraph, Text, clean, normalise

LATITUDE_MAX, LONGITUDE_MAX = 90.0, 180.0
UNCERTAINTY_MAX = 1_000_000
"""Metres; whoever knows less, knows nothing."""

_NUMBER = r"-?[0-9]{1,3}(?:\.[0-9]{1,15})?"
_GEO = re.compile(
    rf"geo:({_NUMBER}),({_NUMBER})(?:,-?[0-9.]{{1,20}})?((?:;[A-Za-z0-9-]+(?:=[^;]*)?)*)",
    re.IGNORECASE,
)
_UNCERTAINTY = re.compile(r";u=([0-9]{1,7})(?:\.[0-9]*)?(?:;|\Z)", re.IGNORECASE)
_PLACE = ("m.location", "org.matrix.msc3488.location")
_ASSET = ("m.asset", "org.matrix.msc3488.asset")


def place_in(content: Json) -> Body:
    """What an m.location says; an address that is none is shown as it is."""
    place = object_in(content, *_PLACE) or {}
    uri = _string(content, "geo_uri") or _string(place, "uri")
    lead = "📍 " + (_called(content, place, uri) or _what(content))
    where = _where(uri)
    return normalise(Body(blocks=(Paragraph(content=(Text(text=lead), *where)),)))


def _called(content: Json, place: Json, uri: str) -> str:
    """What the place is called; a client's own words about coordinates say no more than they do."""
    described = _string(place, "description").strip()
    if described:
        return described
    said = text_in(content).strip()
    return "" if uri and uri in said else said


def _what(content: Json) -> str:
    asset = object_in(content, *_ASSET) or {}
    return "Where I am" if _string(asset, "type") == "m.self" else "Location"


def _where(uri: str) -> tuple[Inline, ...]:
    found = _GEO.fullmatch(uri.strip())
    if found is None or not _is_on_earth(found[1], found[2]):
        shown = clean(uri).strip()
        return (LineBreak(), Text(text=shown)) if shown else ()
    latitude, longitude = found[1], found[2]
    href = f"https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}#map=16/{latitude}/{longitude}"
    link = Link(href=href, content=(Text(text=f"{latitude}, {longitude}"),))
    return (LineBreak(), link, Text(text=_give_or_take(found[3])))


def _is_on_earth(latitude: str, longitude: str) -> bool:
    return abs(float(latitude)) <= LATITUDE_MAX and abs(float(longitude)) <= LONGITUDE_MAX


def _give_or_take(parameters: str) -> str:
    """How exact it is, in metres."""
    found = _UNCERTAINTY.search(parameters)
    metres = int(found[1]) if found else 0
    return f" (± {metres} m)" if 0 < metres <= UNCERTAINTY_MAX else ""


def _string(content: Json, name: str) -> str:
    value = content.get(name)
    return value if isinstance(value, str) else ""
