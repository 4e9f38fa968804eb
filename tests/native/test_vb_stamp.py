"""The native stamper under sanitizers: its thread and those that add, take and remove at the same time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.guests.workloads import RECIPES

STRESS = Path(__file__).with_name("stamp_stress.c")


@pytest.mark.skipif(sys.platform != "linux", reason="GCC's sanitizers")
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_streams_that_come_and_go_in_many_threads_lose_nothing_and_race_with_nobody(sanitizer, tmp_path):
    compiler, recipe = shutil.which("cc"), RECIPES["stamp"]
    sanitize = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
    (tmp_path / "none.c").write_text("int main(void) { return 0; }\n")
    probe = [str(compiler), *sanitize, str(tmp_path / "none.c"), "-o", str(tmp_path / "none")]
    if compiler is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"no C compiler of the system has -fsanitize={sanitizer}")
    sources = [str(recipe.folder / name) for name in recipe.sources()]
    program = tmp_path / "stress"
    subprocess.run(
        [
            compiler, *recipe.flags, *sanitize, "-g", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{recipe.folder}",
            *sources, str(STRESS), "-pthread", "-o", str(program),
        ],
        check=True,
    )  # fmt: skip
    # ThreadSanitizer's own memory is where newer kernels put what is mapped at random.
    in_place = ["setarch", "-R"] if shutil.which("setarch") else []
    done = subprocess.run([*in_place, str(program)], capture_output=True, text=True, check=False, timeout=300)
    if "unexpected memory mapping" in done.stderr or "setarch: failed" in done.stderr:
        pytest.skip(f"-fsanitize={sanitizer} does not run here: {done.stderr.splitlines()[0]}")
    assert (done.returncode, done.stdout) == (0, "all arrived\n"), done.stderr
