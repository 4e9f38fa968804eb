"""C under AddressSanitizer and UndefinedBehaviorSanitizer, with what a peer may send."""

from __future__ import annotations

import os
import subprocess

import pytest

from harness.errors import HostLacks
from tests.fuzz.native import NATIVE


@pytest.fixture(scope="module", params=NATIVE)
def target(request):
    return NATIVE[request.param]


@pytest.fixture(scope="module")
def replayer(target, tmp_path_factory):
    """The fuzz target with a driver of its own; skipped by name where no compiler has the sanitizers."""
    try:
        return target.replayer(tmp_path_factory.mktemp("sanitized"))
    except HostLacks as lack:
        pytest.skip(str(lack))


def run(program, *arguments) -> None:
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0"}
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("seed", range(2))
def test_inputs_that_are_the_same_every_time(replayer, seed):
    run(replayer, "-runs=300", f"-seed={seed}")


def test_inputs_that_libfuzzer_found_to_reach_all_of_it(target, replayer, tmp_path):
    inputs = []
    for number, data in enumerate(target.corpus()):
        inputs.append(tmp_path / str(number))
        inputs[-1].write_bytes(data)
    assert len(inputs) > 100
    run(replayer, *inputs)
