"""What drives, files and folders there are: values, and finding them.

Sources: learn.microsoft.com graph/api/resources drive, driveitem, permission, site; how Teams uses
SharePoint: microsoftteams/sharepoint-onedrive-interact (a site per team, a folder per standard
channel, a site of its own per private and shared channel, files of chats in the sender's OneDrive
under "Microsoft Teams Chat Files").
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from bridge.sandbox.tenant.errors import GraphError, Json
from bridge.sandbox.tenant.files import names
from bridge.sandbox.tenant.files.blobs import Blob, Draft, Spool
from bridge.sandbox.tenant.world import App, Channel, Team, User

ITEMS_MAX = 100_000
"""Files and folders per drive."""
SESSIONS_MAX = 1000
"""Uploads that have begun; the oldest are forgotten first."""
GRANTS_MAX = 5000
"""Permissions per item."""

Author = User | App


@dataclass(slots=True, kw_only=True)
class Link:
    """A sharing link; `redeemed` are the users who have used it."""

    edits: bool
    scope: str
    url: str
    app: App
    redeemed: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Grant:
    """A permission on an item: of one person, or through a link."""

    id: str
    role: str
    user: User | None = None
    email: str | None = None
    link: Link | None = None
    expires: datetime | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Item:
    """A file, which has a `blob`, or a folder; `children` by their name in lower case."""

    id: str
    guid: UUID
    drive: Drive
    name: str
    parent: Item | None
    created: datetime
    changed: datetime
    creator: Author
    changer: Author
    blob: Blob | None = None
    children: dict[str, Item] = field(default_factory=dict)
    size: int = 0
    version: int = 1
    content_version: int = 1
    grants: dict[str, Grant] = field(default_factory=dict)
    facets: Json = field(default_factory=dict)
    """What SharePoint has found out about a picture, a film or sound."""
    locked: bool = False
    gone: bool = False

    @property
    def is_folder(self) -> bool:
        return self.blob is None

    @property
    def tag(self) -> str:
        """The eTag, with its quotes."""
        return f'"{names.guid(self.guid)},{self.version}"'

    @property
    def content_tag(self) -> str:
        """The cTag, with its quotes."""
        return f'"c:{names.guid(self.guid)},{self.content_version}"'

    def above(self) -> Iterator[Item]:
        """The item itself and every folder above it, up to the root."""
        found: Item | None = self
        while found is not None:
            yield found
            found = found.parent

    def below(self) -> Iterator[Item]:
        """The item itself and everything in it."""
        yield self
        for child in self.children.values():
            yield from child.below()

    @property
    def path(self) -> list[str]:
        """The names from the root down."""
        return [item.name for item in self.above() if item.parent is not None][::-1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """A SharePoint site."""

    guid: UUID
    web: UUID
    host: str
    path: str
    """Such as `/sites/TeaParty`, decoded."""
    name: str
    created: datetime
    personal: bool = False

    @property
    def id(self) -> str:
        return f"{self.host},{self.guid},{self.web}"


@dataclass(slots=True, kw_only=True, eq=False)
class Drive:
    """A document library: of one person, of a team, or of a private or shared channel."""

    id: str
    guid: UUID
    site: Site
    folder: str
    """The library's own name in addresses: `Documents` or `Shared Documents`."""
    owner: User | None = None
    team: Team | None = None
    channel: Channel | None = None
    items: dict[str, Item] = field(default_factory=dict)

    @property
    def root(self) -> Item:
        return next(iter(self.items.values()))


@dataclass(slots=True, kw_only=True)
class Session:
    """An upload that goes on; `target` is the file that it replaces."""

    id: str
    item: UUID
    parent: Item
    name: str
    target: Item | None
    behavior: str
    author: Author
    defers: bool
    expires: datetime
    draft: Draft
    total: int | None = None
    busy: bool = False
    spoilt: bool = False
    """A piece had an odd size, and the whole will not be taken."""

    @property
    def missing(self) -> list[str]:
        """The ranges that are still to come, as `nextExpectedRanges` has them."""
        complete = self.total is not None and self.draft.size >= self.total
        return [] if complete else [f"{self.draft.size}-"]


@dataclass(slots=True, kw_only=True)
class Cut:
    """The next `times` transfers in this direction break after so many bytes."""

    upload: bool
    after: int
    times: int


class Library:
    """All drives of a tenant."""

    def __init__(self) -> None:
        self.spool = Spool()
        self.drives: dict[str, Drive] = {}
        self.sites: dict[str, Site] = {}
        self.by_owner: dict[str, Drive] = {}
        """By the id of the user, team or channel whose drive it is."""
        self.folders: dict[str, Item] = {}
        """A channel's folder, by the channel's id."""
        self.without_drive: set[str] = set()
        """Users who have no OneDrive."""
        self.by_guid: dict[UUID, Item] = {}
        self.links: dict[str, Item] = {}
        """What is shared, by the address of the link."""
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self.cuts: list[Cut] = []

    def found(self, drive: Drive, key: str) -> Item:
        """The item of this id.

        Raises:
            GraphError: 404, there is none.
        """
        item = drive.root if key.casefold() == "root" else drive.items.get(key)
        if item is None:
            raise no_item()
        return item

    def add(self, drive: Drive, item: Item) -> Item:
        """Put an item into its folder."""
        if len(drive.items) >= ITEMS_MAX:
            raise GraphError(507, "quotaLimitReached", "The library has too many items.")
        drive.items[item.id] = item
        self.by_guid[item.guid] = item
        if item.parent is not None:
            item.parent.children[item.name.casefold()] = item
            grow(item.parent, item.size)
        return item

    def remove(self, item: Item) -> None:
        """Take an item and everything in it away, with its bytes and its links."""
        if item.parent is not None:
            del item.parent.children[item.name.casefold()]
            grow(item.parent, -item.size)
        for gone in item.below():
            gone.gone = True
            del gone.drive.items[gone.id], self.by_guid[gone.guid]
            for grant in gone.grants.values():
                if grant.link is not None:
                    self.links.pop(grant.link.url, None)
            if gone.blob is not None:
                gone.blob.drop()

    def remember(self, session: Session) -> None:
        self.sessions[session.id] = session
        while len(self.sessions) > SESSIONS_MAX:
            self.forget(next(iter(self.sessions)))

    def forget(self, key: str) -> None:
        session = self.sessions.pop(key, None)
        if session is not None:
            session.draft.drop()

    def cut(self, *, upload: bool) -> int | None:
        """After how many bytes this transfer breaks, if it does; used up by one."""
        found = next((cut for cut in self.cuts if cut.upload is upload), None)
        if found is None:
            return None
        found.times -= 1
        self.cuts = [cut for cut in self.cuts if cut.times > 0]
        return found.after

    def close(self) -> None:
        self.sessions.clear()
        self.spool.close()


def new_item(drive: Drive, parent: Item | None, name: str, author: Author, now: datetime) -> Item:
    """An item that is in no folder yet."""
    key = uuid4()
    return Item(
        id=names.item_id(drive.guid, key),
        guid=key,
        drive=drive,
        name=name,
        parent=parent,
        created=now,
        changed=now,
        creator=author,
        changer=author,
    )


def grow(folder: Item, count: int) -> None:
    """The folder, and all that it is in, are so many bytes larger."""
    for item in folder.above():
        item.size += count


def walk(start: Item, path: str) -> Item | None:
    """The item at this path below `start`, if there is one."""
    found: Item | None = start
    for name in names.split(path):
        found = None if found is None else found.children.get(name.casefold())
    return found


def no_item() -> GraphError:
    return GraphError(404, "itemNotFound", "The resource could not be found.")
