"""What leaves the process: words, files that hold secrets, exit codes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bridge.errors import ConfigError

EXIT_FAILURE = 1
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count
SECRET_FILE_MODE = 0o600


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def write_secret(path: Path, text: str, *, replace_it: bool) -> None:
    """Write a new file that only its owner may read.

    Raises:
        ConfigError: It is there already and shall stay, or cannot be written.
    """
    try:
        if replace_it:
            path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_FILE_MODE)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError((f"{path}: is there already — name another, or use --force",)) from None
    except OSError as error:
        problem = f"{path}: cannot be written: {error.strerror} — name another"
        raise ConfigError((problem,)) from error
