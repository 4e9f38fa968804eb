"""A bench as a user starts it: a process of its own, with a store, a lock and reports of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Bench:
    """Runs ``visorbench`` and reads what it wrote."""

    folder: Path
    environment: dict[str, str]

    def scenario(self, text: str, name: str = "test_probe.py") -> Path:
        """A scenario file."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def command(self, *arguments: object, name: str = "bench", measuring: bool = True) -> list[str]:
        """The command line of ``visorbench bench`` for x86-64, or of another command; ``measuring``: in no time."""
        program = str(Path(sys.executable).with_name("visorbench"))
        little = ["--arch", "x86-64", "--profile", "quick"] if measuring else []
        return [program, name, *little, *map(str, arguments)]

    def run(
        self, *arguments: object, name: str = "bench", measuring: bool = True, timeout_s: float = 280
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*arguments, name=name, measuring=measuring),
            env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip

    @contextmanager
    def running(
        self, *arguments: object, name: str = "bench", until: int = 1
    ) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
        """It, and its QEMU, once so many times samples were recorded; killed afterwards."""
        with subprocess.Popen(
            self.command(*arguments, name=name),
            env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                yield process, self._qemu(process, until)
            finally:
                process.kill()

    def _qemu(self, process: subprocess.Popen[str], until: int) -> psutil.Process:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            journals = (path.read_text() for path in self.folder.glob("reports/**/journal.jsonl"))
            if sum(journal.count('"samples"') for journal in journals) >= until:
                children = psutil.Process(process.pid).children(recursive=True)
                return next(child for child in children if child.name().startswith("qemu"))
            time.sleep(0.1)
        raise AssertionError("it recorded nothing")

    @property
    def results(self) -> dict[str, Any]:
        """The latest ``results.json``."""
        read: dict[str, Any] = json.loads((self.folder / "reports" / "latest" / "results.json").read_text())
        return read


@pytest.fixture(scope="session")
def make_bench() -> Callable[[Path], Bench]:
    """Makes benches whose store, lock and reports are in the folder that is named."""

    def make(folder: Path) -> Bench:
        own = {
            "VISORBENCH_DATA_DIR": str(folder / "data"),
            "VISORBENCH_RUNTIME_DIR": str(folder / "run"),
            "VISORBENCH_LOCK_DIR": str(folder / "run"),
            "VISORBENCH_REPORTS": str(folder / "reports"),
            "COLUMNS": "100",
        }
        return Bench(folder, {**os.environ, **own})

    return make


@pytest.fixture
def bench(make_bench: Callable[[Path], Bench], tmp_path: Path) -> Bench:
    return make_bench(tmp_path)
