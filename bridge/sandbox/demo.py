"""`teams-bridge demo`: both sides on one machine, in a browser or as a fixed conversation.

demo            a page on one address, until Ctrl-C
demo --script   plays bridge.sandbox.script, prints every step; exit code 0 if all arrived
--double-puppets with either: who is signed in appears in Matrix under their own account
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from bridge.errors import ConfigError
from bridge.sandbox.people import PersonError
from bridge.sandbox.scene import PASSWORD, Scene, open_scene
from bridge.sandbox.script import Play
from bridge.sandbox.showcase import Showcase

HOST = "127.0.0.1"
INTERRUPTED = 130


def main(*, script: bool, port: int, double_puppets: bool = False) -> int:
    """Run the demo; return its exit code.

    Raises:
        ConfigError: A part did not start.
    """
    try:
        with _folder() as folder:
            running = _run(folder, script=script, port=port, double_puppets=double_puppets)
            return asyncio.run(running)
    except KeyboardInterrupt:
        return INTERRUPTED
    except PersonError as error:
        say(f"\nThe demo went wrong: {error}\n")
        return 1


async def _run(folder: Path, *, script: bool, port: int, double_puppets: bool) -> int:
    task = asyncio.current_task()
    if task is not None:  # SIGTERM ends everything as Ctrl-C does: nothing is left running.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    say("Starting: ")
    async with open_scene(
        folder, tell=lambda part: say(f"  {part} …\n"), double_puppets=double_puppets
    ) as scene:
        if script:
            return 0 if await Play(scene, lambda line: say(f"{line}\n")).perform() else 1
        await _show(scene, port)
    return 0


async def _show(scene: Scene, port: int) -> None:
    runner = web.AppRunner(Showcase(scene).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        say(welcome(scene, f"http://{HOST}:{runner.addresses[0][1]}/"))
        await asyncio.Event().wait()
    except OSError as error:
        problem = f"the page cannot listen on port {port}: {error.strerror}; try another --port"
        raise ConfigError((problem,)) from error
    finally:
        say("\nStopping …\n")
        await runner.cleanup()


def welcome(scene: Scene, page: str) -> str:
    """Say where everything is."""
    maria = scene.matrix_people[0].user
    return f"""
  Open this page:  {page}

  Teams on the left, Matrix on the right; write on either side.
  Any Matrix client will do too: homeserver {scene.homeserver.url}, user {maria},
  password {PASSWORD}. {scene.matrix_people[2].user} (same password) has not signed in to
  Teams yet: write `login` to {scene.bot} to see how that goes.
  Log of the bridge: {scene.bridge.log}

  Ctrl-C stops everything.
"""


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder that other accounts may pass through: Postgres does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="teams-bridge-demo-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def say(text: str) -> None:
    """Write to the terminal at once."""
    sys.stdout.write(text)
    sys.stdout.flush()
