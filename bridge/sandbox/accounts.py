"""Who a child process runs as, and the folder it gets.

An ordinary user: itself. Root: the owner of what is already there, else the first account of
`CANDIDATES` that this system has. Folders on the way that are closed to that account (a checkout
under /root) are not opened to the world; the child gets the right to pass them instead.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from bridge.errors import ConfigError
from bridge.sandbox.leash import CAP_DAC_OVERRIDE
from bridge.sandbox.processes import Account

CANDIDATES = ("teams-bridge", "postgres", "nobody")


def account_for(folder: Path, *, owner_of: Path, programs: Path) -> Account:
    """The account that can run `programs` on `folder` and owns `owner_of` if that exists.

    Raises:
        ConfigError: There is none; says which permission or account is missing.
    """
    if os.geteuid() != 0:
        return _ourselves()
    account = _owner(owner_of) or _candidate()
    closed = _first_closed(programs, account) or _first_closed(folder.parent, account)
    if closed is None:
        return account
    if not _may_grant_reach():
        raise ConfigError(
            (
                f"the database cannot run as root, and the account {account.name} that it runs as"
                f" may not enter {closed}: start the bridge as an ordinary user, or move it and"
                " its data to a folder that everybody may enter",
            )
        )
    return replace(account, reach=True)


def claim_folder(folder: Path, account: Account, *, known: AbstractSet[str] | None) -> None:
    """Make a folder and give it to the account alone.

    With `known`, a folder that holds anything of another name is left as it is.

    Raises:
        ConfigError: It cannot be made, belongs to somebody else or holds something else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_contents(folder, known)
        _take(folder, account)
    except OSError as error:
        raise ConfigError((f"cannot use the folder {folder}: {error.strerror}",)) from error


def _take(folder: Path, account: Account) -> None:
    owner = folder.stat().st_uid
    if os.geteuid() == 0 and owner in {0, account.uid}:
        os.chown(folder, account.uid, account.gid)
    elif owner != account.uid:
        raise ConfigError(
            (f"the folder {folder} belongs to {_name(owner)}, not to {account.name}",)
        )
    folder.chmod(0o700)


def _check_contents(folder: Path, known: AbstractSet[str] | None) -> None:
    foreign = sorted(set(os.listdir(folder)) - known) if known is not None else []
    if foreign:
        raise ConfigError(
            (
                f"the database folder {folder} holds {foreign[0]!r}, which is not the database's:"
                " choose a new or empty folder",
            )
        )


def _ourselves() -> Account:
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError as error:
        raise ConfigError(
            (
                f"the user id {uid} has no entry in /etc/passwd, without which Postgres does not"
                " start: add one, or name a Postgres in database.uri",
            )
        ) from error
    return Account(name=name, uid=uid, gid=os.getegid())


def _owner(path: Path) -> Account | None:
    if not path.exists() or (uid := path.stat().st_uid) == 0:
        return None
    return Account(name=_name(uid), uid=uid, gid=path.stat().st_gid)


def _candidate() -> Account:
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise ConfigError(
        (
            "the database cannot run as root and this system has none of the accounts"
            f" {', '.join(CANDIDATES)}: start the bridge as an ordinary user",
        )
    )


def _first_closed(path: Path, account: Account) -> Path | None:
    """The first folder on the way that the account may not enter."""
    for folder in (*reversed(path.parents), path):
        if folder.exists() and not _may_enter(folder.stat(), account):
            return folder
    return None


def _may_enter(found: os.stat_result, account: Account) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _may_grant_reach() -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return bool(int(line.split()[1], 16) >> CAP_DAC_OVERRIDE & 1)
    return False


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
