"""An operator at a terminal, with a configuration whose database is the test's own."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bridge.cli import main
from bridge.cli.configuring import example_text


@pytest.fixture
def config(tmp_path: Path, database: str) -> Path:
    answers = {
        "as_token": "a" * 40,
        "hs_token": "b" * 40,
        "client_secret": "a-value-from-Microsoft",
        "uri": database,
        "encryption_key": Fernet.generate_key().decode(),
        "domain": "example.org",
        "tenant_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "client_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "webhook_url": "https://bridge.example.org/teams",
    }
    text = example_text()
    for key, answer in answers.items():
        text = re.sub(rf"^  {key}: .*$", f"  {key}: {answer}", text, flags=re.MULTILINE)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


class Desk:
    """An operator at a terminal."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = config
        self.capsys = capsys

    async def types(self, line: str) -> tuple[int, str, str]:
        """Return the exit code, what was said, and what was complained of."""
        code = await asyncio.to_thread(main, [*line.split(), "-c", str(self.config)])
        said, complained = self.capsys.readouterr()
        return code, said, complained


@pytest.fixture
def desk(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    # What it sets up is for a whole process, and writes where this test's terminal was.
    monkeypatch.setattr("bridge.cli.running.set_up_logging", lambda **_: None)
    return Desk(config, capsys)
