"""Turns into another program that cannot outlive whoever started it.

Run as a script by `bridge.sandbox.processes` with `python -I -S`, hence only the standard library.
In this order, since a change of user forgets the wish of step 2:

    1. as root: become an ordinary account, if asked keeping the right to pass closed folders
    2. ask the kernel for a signal when the parent dies, and look whether it has died already
    3. exec the program: same process id, no wrapper stays behind

A pre-exec function in the parent could do the same, but it would run between fork and exec of a
process with threads, which Python documents as unsafe.
"""

from __future__ import annotations

import ctypes
import os
import sys

# <linux/prctl.h>, <linux/capability.h>
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


def demand(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def become(uid: int, gid: int, *, reach: bool) -> None:
    """Leave root for good; with `reach`, file permissions still do not stop us (capabilities(7))."""
    if reach:
        demand(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if reach:
        mask = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        wanted = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
        demand(libc.capset(header, wanted))
        demand(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0))


def main(parent: int, death_signal: int, account: str, program: list[str]) -> None:
    if account:
        uid, gid, reach = (int(part) for part in account.split(":"))
        become(uid, gid, reach=bool(reach))
    demand(libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0))
    if os.getppid() != parent:
        sys.exit("the parent died before its child started")
    os.execv(program[0], program)  # noqa: S606 -- the point of this file; no shell is wanted


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
    except OSError as error:
        sys.exit(f"cannot start {sys.argv[4]}: {error.strerror}")
