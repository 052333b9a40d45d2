"""Ghosts that look like their people: name, picture, profile; implements `ports.Portraitist`.

    show ─▶ name, if another ─▶ fields that changed ─▶ picture: upload ─▶ avatar

Each of the three is what the homeserver may forbid; then it is said once in the log, and what can be
shown is shown. Names and pictures are events in every room of the ghost, fields are not: so nothing
is set that is shown already. Job titles and the like are fields of MSC4133 (Matrix spec v1.16), the
time zone is one of MSC4175.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import UserId
from bridge.domain.likeness import Facet, Facets, Likeness, Picture, PictureStep
from bridge.errors import NotCopied, Rejected
from bridge.matrix.cleaning import clean
from bridge.matrix.client import Client
from bridge.matrix.ghosts import Ghosts
from bridge.matrix.paths import Method, Path
from bridge.ports import Ghost, Print
from bridge.telemetry import PEOPLE, log

NAMESPACE = "io.github.matrix-teams-bridge"
FIELDS = {
    Facet.JOB_TITLE: f"{NAMESPACE}.job_title",
    Facet.DEPARTMENT: f"{NAMESPACE}.department",
    Facet.OFFICE: f"{NAMESPACE}.office",
    Facet.MAIL: f"{NAMESPACE}.mail",
    Facet.TIME_ZONE: "m.tz",
}
FIELD_CHARS_MAX = 200
CAPABILITY = "m.profile_fields"

Upload = Callable[[bytes], Awaitable[str]]
"""Puts a picture into the media, and returns where it is; raises `NotCopied`, RemoteError."""


class Portraits(ports.Portraitist):
    """Shows likenesses as the ghosts themselves."""

    def __init__(self, client: Client, ghosts: Ghosts, *, upload: Upload) -> None:
        self._client = client
        self._ghosts = ghosts
        self._upload = upload
        self._fields: Mapping[str, object] | None = None
        """What the homeserver says about fields; None until it was asked."""

    @override
    async def show(
        self, ghost: Ghost, likeness: Likeness, step: PictureStep, new: Print | None
    ) -> Ghost:
        names = self._ghosts.names
        user = names.ghost(ghost.person)
        name = names.guises.shown(likeness)
        if likeness.name is None and ghost.name is not None:
            name = ghost.name
        if name != ghost.name:
            await self._ghosts.rename(user, name)
            PEOPLE.labels("renamed").inc()
        facets = await self._show_facets(user, ghost.likeness.facets, likeness.facets)
        picture = await self._show_picture(user, ghost.likeness.picture, step, new)
        return replace(ghost, name=name, likeness=replace(likeness, facets=facets, picture=picture))

    @override
    def forget(self, ghost: Ghost) -> None:
        self._ghosts.forget(ghost.tenant, ghost.person)

    # --- the picture ---

    async def _show_picture(
        self, user: UserId, shown: Picture | None, step: PictureStep, new: Print | None
    ) -> Picture | None:
        if step is PictureStep.KEEP:
            return shown
        if step is PictureStep.REMOVE or new is None:
            if shown is not None and shown.uri:
                await self._set_avatar(user, "")
                PEOPLE.labels("picture_removed").inc()
            return None
        return await self._replace(user, shown, new)

    async def _replace(self, user: UserId, shown: Picture | None, new: Print) -> Picture:
        """Copy a picture; one that cannot be shown is remembered as such, and takes the old one's place."""
        digest = hashlib.sha256(new.content or b"").hexdigest()
        if shown is not None and shown.uri and shown.digest == digest:
            return replace(shown, tag=new.tag)  # Graph has a new name for it.
        uri = await self._copied(new)
        if uri or (shown is not None and shown.uri):
            await self._set_avatar(user, uri)
        PEOPLE.labels("picture" if uri else "picture_refused").inc()
        return Picture(tag=new.tag, digest=digest, uri=uri)

    async def _copied(self, new: Print) -> str:
        """Return where the picture lies now, "" if it cannot be shown."""
        if not new.content:
            return ""
        try:
            return await self._upload(new.content)
        except NotCopied as error:
            log.info("picture not shown", reason=str(error), bytes=len(new.content))
            return ""

    async def _set_avatar(self, user: UserId, uri: str) -> None:
        try:
            await self._client.set_avatar(user, uri)
        except Rejected as error:
            log.warning("ghost's picture not changed", user=user, error=str(error))

    # --- the profile ---

    async def _show_facets(self, user: UserId, shown: Facets, wanted: Facets) -> Facets:
        """Set the fields that are others now; return those that are shown."""
        wanted = {facet: clean(value, chars_max=FIELD_CHARS_MAX) for facet, value in wanted.items()}
        if wanted == shown:
            return shown
        now = dict(shown)
        for facet, key in FIELDS.items():
            if shown.get(facet) != wanted.get(facet) and await self._takes(key):
                await self._set_field(user, key, wanted.get(facet))
                now = {f: value for f, value in now.items() if f is not facet}
                now |= {facet: wanted[facet]} if facet in wanted else {}
        return now

    async def _set_field(self, user: UserId, key: str, value: str | None) -> None:
        path = Path.v3.profile[user][key]
        try:
            if value:
                await self._client.call(Method.PUT, path, {key: value}, user=user)
            else:
                await self._client.call(Method.DELETE, path, user=user)
        except Rejected as error:
            log.warning("ghost's profile not changed", user=user, error=str(error))

    async def _takes(self, key: str) -> bool:
        """Tell whether the homeserver lets us set this field (spec v1.16, capabilities negotiation)."""
        if self._fields is None:
            self._fields = await self._ask_about_fields()
        allowed, disallowed = self._fields.get("allowed"), self._fields.get("disallowed")
        if self._fields.get("enabled") is not True:
            return False
        if isinstance(allowed, list):
            return key in allowed
        return not (isinstance(disallowed, list) and key in disallowed)

    async def _ask_about_fields(self) -> Mapping[str, object]:
        answer = await self._client.call(Method.GET, Path.v3.capabilities)
        capabilities = answer.get("capabilities") if isinstance(answer, dict) else None
        found = capabilities.get(CAPABILITY) if isinstance(capabilities, dict) else None
        if not isinstance(found, dict) or found.get("enabled") is not True:
            log.warning(
                "no profiles for ghosts",
                hint="the homeserver has no profile fields (Matrix v1.16), or forbids them",
            )
            return {}
        return found
