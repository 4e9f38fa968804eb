"""A bench as a user starts it: a process of its own, with a store, a lock and reports of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


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

    def command(self, *arguments: object) -> list[str]:
        """The command line of ``visorbench bench`` for x86-64."""
        program = str(Path(sys.executable).with_name("visorbench"))
        return [program, "bench", "--arch", "x86-64", "--profile", "quick", *map(str, arguments)]

    def run(self, *arguments: object, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip

    @property
    def results(self) -> dict[str, Any]:
        """The latest ``results.json``."""
        read: dict[str, Any] = json.loads((self.folder / "reports" / "latest" / "results.json").read_text())
        return read


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    own = {
        "VISORBENCH_DATA_DIR": str(tmp_path / "data"),
        "VISORBENCH_RUNTIME_DIR": str(tmp_path / "run"),
        "VISORBENCH_LOCK_DIR": str(tmp_path / "run"),
        "VISORBENCH_REPORTS": str(tmp_path / "reports"),
        "COLUMNS": "100",
    }
    return Bench(tmp_path, {**os.environ, **own})
