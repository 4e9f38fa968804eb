"""An object in a process of its own: results, errors and descriptors cross over, and its end is told."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import psutil
import pytest

from harness.errors import FramesWrong, HelperLost, VisorbenchError
from harness.host.apart import Apart
from tests.doubles.somebody import Somebody

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors cannot be handed over")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """For the process, these tests are no part of what is installed."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def somebody():
    with Apart(Somebody, "somebody") as apart:
        yield apart


def test_it_is_another_process_that_answers_and_ends_with_the_block() -> None:
    with Apart(Somebody, "somebody") as apart:
        assert apart.call(Somebody.pid) == apart.pid != os.getpid()
        assert apart.call(Somebody.add, 40) == 42
        assert apart.call(Somebody.add, 40, two=3) == 43
    assert not psutil.pid_exists(apart.pid)


def test_descriptors_are_handed_over_in_order(somebody) -> None:
    pipes = [os.pipe() for _ in range(2)]
    for number, (_, write) in enumerate(pipes):
        os.write(write, b"%d" % number)
    assert somebody.hand(Somebody.read, *(read for read, _ in pipes)) == [b"0", b"1"]
    for each in (end for pipe in pipes for end in pipe):
        os.close(each)


def test_what_a_method_tells_on_its_way_is_heard_here(somebody) -> None:
    heard = []
    assert somebody.hear(lambda *words: heard.append(words), Somebody.count, 3) == "done"
    assert heard == [("at", 0), ("at", 1), ("at", 2)]
    assert somebody.call(Somebody.add, 40) == 42


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, BrokenPipeError])
def test_who_is_interrupted_ends_it_and_it_clears_up(somebody, tmp_path, interruption) -> None:
    """By Ctrl-C, or since nobody reads the progress any more."""

    def interrupted(_: str) -> None:
        raise interruption

    with pytest.raises(interruption):
        somebody.hear(interrupted, Somebody.linger, tmp_path)
    assert not psutil.pid_exists(somebody.pid)
    assert (tmp_path / "unwound").exists()
    with pytest.raises(HelperLost, match="its process ended"):
        somebody.call(Somebody.add, 40)


def test_what_cannot_cross_over_is_the_callers_error_and_ends_nothing(somebody) -> None:
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        somebody.call(Somebody.add, lambda: 1)
    assert somebody.call(Somebody.add, 40) == 42


def test_an_error_that_nobody_foresaw_says_where_it_came_from(somebody) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        somebody.call(Somebody.fail, "unforeseen")
    assert "somebody.py" in "".join(raised.value.__notes__)


def test_errors_cross_over_and_end_nothing(somebody) -> None:
    with pytest.raises(FramesWrong, match="two are lost") as raised:
        somebody.call(Somebody.fail, "named")
    assert (raised.value.fix, raised.value.lost) == ("look at it", 2)
    with pytest.raises(VisorbenchError, match="Unpicklable: 1 and 2") as unpicklable:
        somebody.call(Somebody.fail, "otherwise")
    assert "somebody.py" in "".join(unpicklable.value.__notes__)
    assert somebody.call(Somebody.add, 1) == 3


def test_a_process_that_dies_is_told_with_its_last_words(somebody) -> None:
    with pytest.raises(HelperLost, match="somebody: its process ended with status -9: the last words"):
        somebody.call(Somebody.end)
    with pytest.raises(HelperLost):
        somebody.call(Somebody.pid)


def test_one_that_does_not_answer_is_ended() -> None:
    with Apart(Somebody, "somebody", limit_s=0.2) as apart:
        with pytest.raises(HelperLost, match=r"no answer within 0\.2 s"):
            apart.call(Somebody.hang)
        assert not psutil.pid_exists(apart.pid)
        with pytest.raises(HelperLost, match="its process ended"):  # and no answer to what was asked before
            apart.call(Somebody.add, 1)
