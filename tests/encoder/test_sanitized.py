"""The library under AddressSanitizer and UndefinedBehaviorSanitizer, with good frames and with what a peer may send.

The system's compiler is needed for this: zig's has no AddressSanitizer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from base64 import b64decode

import pytest

from harness.encoder import build
from harness.host.paths import shipped

SANITIZE = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FOUND = shipped("native", "encoder", "fuzz", "corpus.txt")
"""An input a line, in base64: what libFuzzer kept because it reached something new."""


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory):
    """The fuzz target with its own driver; skipped by name where no compiler has the sanitizers."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler of the system with AddressSanitizer: install gcc or clang")
    folder = tmp_path_factory.mktemp("sanitized")
    (folder / "none.c").write_text("int main(void) { return 0; }\n")
    probe = [compiler, *SANITIZE, folder / "none.c", "-o", folder / "none"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("the system's C compiler has no AddressSanitizer: install libasan or compiler-rt")
    flags = [flag for flag in build.recipe().arguments if flag not in ("-shared", "-fvisibility=hidden")]
    argv = [
        compiler,
        *SANITIZE,
        "-D_GNU_SOURCE",
        "-I.",
        "fuzz/fuzz.c",
        "fuzz/driver.c",
        *flags,
        "-o",
        folder / "fuzz",
    ]
    subprocess.run(argv, cwd=shipped("native", "encoder"), check=True)
    return folder / "fuzz"


def run(program, *arguments) -> None:
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0"}
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("seed", range(2))
def test_inputs_that_are_the_same_every_time(fuzzer, seed):
    run(fuzzer, "-runs=300", f"-seed={seed}")


def test_inputs_that_libfuzzer_found_to_reach_all_of_it(fuzzer, tmp_path):
    inputs = []
    for n, line in enumerate(FOUND.read_text().splitlines()):
        inputs.append(tmp_path / str(n))
        inputs[-1].write_bytes(b64decode(line))
    assert len(inputs) > 100
    run(fuzzer, *inputs)
