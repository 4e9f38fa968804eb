"""Threads that ask together get the same one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.host.once import once

THREADS = 8
PATIENCE_S = 60


def test_threads_that_ask_together_get_the_one_that_the_first_made() -> None:
    asking, made = threading.Barrier(THREADS), []

    @once
    def one() -> object:
        threading.Event().wait(0.2)  # whoever does not wait for this one makes another meanwhile
        made.append(object())
        return made[-1]

    def ask(_: int) -> object:
        asking.wait(PATIENCE_S)
        return one()

    with ThreadPoolExecutor(THREADS) as threads:
        got = set(threads.map(ask, range(THREADS)))
    assert len(made) == 1
    assert got == set(made)


def test_who_asks_after_a_failure_tries_again() -> None:
    answers = iter([OSError("no room"), None])
    asked = []

    @once
    def one() -> None:
        asked.append(1)
        if error := next(answers):
            raise error

    with pytest.raises(OSError, match="no room"):
        one()
    assert one() is None
    assert one() is None
    assert len(asked) == 2
