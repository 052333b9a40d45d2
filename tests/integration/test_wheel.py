"""What is installed from a wheel: everything that the demo serves comes with it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import bridge
from bridge.sandbox.furnishing import SAMPLES
from bridge.sandbox.showcase import PAGE

HOUSE = Path(bridge.__file__).parent


def test_the_wheel_has_every_file_of_the_demo_s_page_and_every_sample(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=HOUSE.parent, check=True, capture_output=True)  # noqa: S603

    [wheel] = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    served = [path for top in (PAGE, SAMPLES) for path in Path(str(top)).rglob("*")]
    files = {str(path.relative_to(HOUSE.parent)) for path in served if path.is_file()}
    assert len(files) > 40
    assert files <= packed
