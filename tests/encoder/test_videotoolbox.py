"""VideoToolbox's backend where there is none: every call of it has the types that Apple documents.

It has not run on a Mac yet (native/README.md).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.encoder.build import FLAGS
from harness.guests.toolchain import find_compiler
from harness.host.paths import shipped

SOURCES = sorted(
    path for path in shipped("native", "encoder").glob("*.c") if not path.name.startswith("x264")
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_it_compiles_for_a_mac_without_x264(source, tmp_path):
    argv = [
        find_compiler().program, "cc", "-target", "aarch64-macos", *(flag for flag in FLAGS if flag != "-shared"),
        "-DVB_WITHOUT_X264", "-isystem", Path(__file__).parent / "apple", "-c", source, "-o", tmp_path / "object",
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "object").stat().st_size > 0
