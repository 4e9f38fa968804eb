"""A function in a process of its own: its result, its progress and its errors are the caller's."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.errors import FramesWrong
from harness.host.errand import beside, run_apart
from tests.doubles.somebody import asked_and_answered, goes_on_for_ever, work, work_raises

LINKED = pytest.mark.skipif(sys.platform == "win32", reason="descriptors cannot be handed over")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """For the process, these tests are no part of what is installed."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def test_its_progress_is_told_and_its_result_returned() -> None:
    told = []
    pid, what = run_apart("work", work, lambda *words: told.append(words), 2, what="bytes")
    assert pid != os.getpid()
    assert what == "bytes"
    assert told == [("bytes", 0, 2), ("bytes", 1, 2)]


def test_what_it_raises_is_raised_here() -> None:
    with pytest.raises(FramesWrong, match="there is no work"):
        run_apart("work", work, lambda *_: None, 0)


@LINKED
def test_beside_it_the_body_goes_on_and_its_result_comes(tmp_path) -> None:
    with beside("work", asked_and_answered, tmp_path) as done:
        (tmp_path / "asked").touch()
    assert done.result() != os.getpid()


@LINKED
def test_what_it_raises_beside_is_raised_after_the_body(tmp_path) -> None:
    with pytest.raises(FramesWrong, match="there is no work"), beside("work", work_raises):
        (tmp_path / "gone on").touch()
    assert (tmp_path / "gone on").exists()


@LINKED
@pytest.mark.parametrize("ending", [KeyboardInterrupt, ValueError])
def test_a_body_that_raises_ends_it_and_it_clears_up(tmp_path, ending) -> None:
    processes = []

    def body():
        with beside("work", goes_on_for_ever, tmp_path):
            deadline = time.monotonic() + 60
            while not (tmp_path / "pids").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            processes.extend(psutil.Process(int(pid)) for pid in (tmp_path / "pids").read_text().split())
            raise ending

    with pytest.raises(ending):
        body()
    assert len(processes) == 2
    assert psutil.wait_procs(processes, timeout=5)[1] == []
    assert (tmp_path / "cleared up").exists()
