"""A function in a process of its own: its result, its progress and its errors are the caller's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import FramesWrong
from harness.host.errand import run_apart
from tests.doubles.somebody import work


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
