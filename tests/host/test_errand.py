"""A function in a process of its own: its result, its progress and its errors are the caller's."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.errors import FramesWrong, HelperLost
from harness.host.errand import beside, run_apart
from tests.doubles.somebody import asked_and_answered, goes_on_for_ever, work, work_raises


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


@pytest.mark.skipif(sys.platform == "win32", reason="it is done before the body")
def test_beside_it_the_body_goes_on_and_its_result_comes(tmp_path) -> None:
    with beside("work", asked_and_answered, tmp_path) as done:
        (tmp_path / "asked").touch()
        assert done.result(60) != os.getpid()


def test_what_it_raises_beside_is_raised_where_its_result_is_wanted() -> None:
    with beside("work", work_raises) as done, pytest.raises(FramesWrong, match="there is no work"):
        done.result(60)


@pytest.mark.skipif(sys.platform == "win32", reason="it is done before the body")
@pytest.mark.parametrize("ending", [KeyboardInterrupt, ValueError])
def test_a_body_that_raises_waits_for_no_work(tmp_path, ending) -> None:
    ended, done = 0.0, None

    def body():
        nonlocal ended, done
        with beside("work", goes_on_for_ever, tmp_path / "pids") as done:
            deadline = time.monotonic() + 60
            while not (tmp_path / "pids").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            ended = time.monotonic()
            raise ending

    with pytest.raises(ending):
        body()
    assert time.monotonic() - ended < 5
    assert isinstance(done.exception(0), HelperLost)
    assert not any(map(psutil.pid_exists, map(int, (tmp_path / "pids").read_text().split())))
