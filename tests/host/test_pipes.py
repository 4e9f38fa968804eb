"""The pipes of a process, read by a selector (Unix) and by threads (Windows): the same blocks, the same deadline."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from harness.host import pipes
from harness.host.processes import PIPE, spawn

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("registry_dir")

READERS = [pipes.pumped] if sys.platform == "win32" else [pipes.pumped, pipes.selected]
SOON_S = 30.0


@pytest.fixture(params=READERS)
def blocks(request: pytest.FixtureRequest):
    return request.param


@pytest.fixture
def running() -> Iterator:
    """Starts a Python program with three pipes; ends it before its pipes are closed."""
    started = []

    def start(program: str):
        process = spawn(
            [sys.executable, "-I", "-c", program], purpose="test", stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        started.append(process)
        return process, {"stdout": process.stdout, "stderr": process.stderr}

    yield start
    for process in started:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def test_every_stream_comes_whole_and_ends_once(blocks, running):
    _, outputs = running("import os; os.write(1, b'out' * 100_000); os.write(2, b'err' * 100_000)")
    said, ends = {"stdout": b"", "stderr": b""}, []
    for name, block in blocks(outputs, None, time.monotonic() + SOON_S):
        said[name] += block
        if not block:
            ends.append(name)
    assert said == {"stdout": b"out" * 100_000, "stderr": b"err" * 100_000}
    assert sorted(ends) == ["stderr", "stdout"]


def test_input_and_output_larger_than_a_pipe_cross_each_other(blocks, running):
    process, outputs = running(
        "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line)\nsys.stdout.flush()"
    )
    text = b"".join(b"%d\n" % number for number in range(200_000))
    feed = (process.stdin, text)
    said = [block for name, block in blocks(outputs, feed, time.monotonic() + SOON_S) if name == "stdout"]
    assert b"".join(said).replace(b"\r", b"") == text


def test_a_program_that_does_not_read_its_input_is_no_error(blocks, running):
    process, outputs = running("print('no, thanks')")
    feed = (process.stdin, b"x" * (1 << 20))
    said = b"".join(block for _, block in blocks(outputs, feed, time.monotonic() + SOON_S))
    assert said.strip() == b"no, thanks"


def test_a_program_that_closes_its_output_and_never_reads_is_not_waited_for_for_ever(blocks, running):
    process, outputs = running("import os, time; os.close(1); os.close(2); time.sleep(60)")
    with pytest.raises(TimeoutError):
        list(blocks(outputs, (process.stdin, b"x" * (1 << 20)), time.monotonic() + 1))


def test_what_came_before_the_deadline_is_kept(blocks, running):
    _, outputs = running("import time; print('early', flush=True); time.sleep(60)")
    coming = blocks(outputs, None, time.monotonic() + 1)
    assert next(coming) == ("stdout", b"early" + os.linesep.encode())
    with pytest.raises(TimeoutError):
        next(coming)


def test_a_flood_waits_in_its_pipe(blocks, running):
    """A reader that nobody takes from stops reading: the program stands still, and memory does not grow."""
    process, outputs = running(
        "import os, sys\n"
        "written = 0\n"
        "while written < 64 << 20:\n"
        "    written += os.write(1, b'x' * 65536)\n"
        "    os.write(2, b'.')\n"
    )
    counted = {"stdout": 0, "stderr": 0}
    with closing(blocks(outputs, None, time.monotonic() + SOON_S)) as coming:
        for name, block in coming:
            counted[name] += len(block)
            if counted["stdout"] > 1 << 20:
                break
    assert process.poll() is None
    process.kill()
    process.wait(10)
    assert counted["stdout"] < 2 << 20
