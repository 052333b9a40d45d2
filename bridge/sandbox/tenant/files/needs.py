"""Which permissions the operations on files take.

The lists follow the permission tables of learn.microsoft.com graph/api (August 2026). That a table
for `createUploadSession` names Sites.ReadWrite.All alone for apps is as Microsoft has it.
"""

from __future__ import annotations

from bridge.sandbox.tenant.permissions import Needs

_SITES_READ = ("Sites.Read.All", "Sites.ReadWrite.All")
_GROUPS = ("Group.Read.All", "Group.ReadWrite.All")
_READ_OWN = ("Files.Read", "Files.Read.All", "Files.ReadWrite", "Files.ReadWrite.All")
_READ_ALL = ("Files.Read.All", "Files.ReadWrite.All")
_WRITE_OWN = ("Files.ReadWrite", "Files.ReadWrite.All", "Sites.ReadWrite.All")

READ = Needs(delegated=(*_READ_OWN, *_SITES_READ), application=(*_READ_ALL, *_SITES_READ))
WRITE = Needs(delegated=_WRITE_OWN, application=("Files.ReadWrite.All", "Sites.ReadWrite.All"))
UPLOAD = Needs(delegated=_WRITE_OWN, application=("Sites.ReadWrite.All",))
SHARES = WRITE
"""The metadata of what is shared takes more than its content."""
CHANNEL_FOLDER = Needs(
    delegated=(*_READ_OWN, *_GROUPS, *_SITES_READ),
    application=(*_READ_ALL, *_GROUPS, *_SITES_READ),
)
SITE = Needs(delegated=_SITES_READ, application=_SITES_READ)

BEYOND_ONE_S_OWN = frozenset(
    ["Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All", *_GROUPS]
)
"""Delegated permissions that reach further than the drive of the one who is signed in."""
