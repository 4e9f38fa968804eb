"""A registry of the test's own, and a way to find every process that a test has started."""

from __future__ import annotations

import os
import signal
import time
import uuid
from contextlib import suppress
from typing import NamedTuple

import psutil
import pytest


@pytest.fixture
def registry_dir(tmp_path, monkeypatch):
    """The registry is empty and nobody else's; ends what the test owns."""
    from harness.host.processes import link

    monkeypatch.setenv("VISORBENCH_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("VISORBENCH_LOCK_DIR", str(tmp_path / "run"))
    yield tmp_path / "run"
    link().end()


class Living(NamedTuple):
    pid: int
    name: str


class Marked:
    """Processes are known by a variable in their environment, which descendants inherit."""

    def __init__(self) -> None:
        self.word = uuid.uuid4().hex
        self.env = {"VISORBENCH_TEST_MARK": self.word}

    def living(self) -> list[Living]:
        """Every living process that has the mark."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                zombie = process.status() == psutil.STATUS_ZOMBIE
                if not zombie and process.environ().get("VISORBENCH_TEST_MARK") == self.word:
                    found.append(Living(process.pid, process.name()))
        return found

    def gone_within(self, seconds: float) -> bool:
        """Whether all have ended in time."""
        deadline = time.monotonic() + seconds
        while self.living():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


@pytest.fixture
def marked():
    """Ends what is left of a failed test."""
    marked = Marked()
    yield marked
    for process in marked.living():
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
