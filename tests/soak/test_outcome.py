"""What a soak says of what it saw."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.soak.census import Census
from harness.soak.life import Happened
from harness.soak.outcome import DRIFT_AFTER_S, Outcome, trends

BEFORE = Census(at_s=0, descriptors=7, threads=2, memory_bytes=50_000_000, processes=0, directories=0)
BOOT = Happened("tiny-1", "boot", 1.0, 2.0)


def hour(memory):
    """A census every 36 s."""
    return [replace(BEFORE, at_s=36.0 * n, memory_bytes=int(memory(n / 100))) for n in range(101)]


@pytest.mark.parametrize("kind", ["descriptors", "threads", "processes", "directories"])
def test_what_there_is_more_of_than_before_has_leaked(kind):
    after = replace(BEFORE, **{kind: 9})
    outcome = Outcome(1, (BOOT,), BEFORE, after, ())
    assert outcome.leaks == {kind: (getattr(BEFORE, kind), 9)}
    assert not outcome.passed


def test_less_than_before_and_more_memory_at_once_are_no_leak():
    outcome = Outcome(1, (BOOT,), BEFORE, replace(BEFORE, descriptors=6, memory_bytes=99_000_000), ())
    assert outcome.leaks == {}
    assert outcome.passed


def test_a_failure_or_nothing_done_is_no_success():
    assert not Outcome(1, (), BEFORE, BEFORE, ()).passed
    failed = replace(BOOT, failure="GuestPanicked: …")
    outcome = Outcome(1, (BOOT, failed), BEFORE, BEFORE, ())
    assert outcome.failures == (failed,)
    assert not outcome.passed
    assert outcome.times() == {"boot": (1, 2.0, 2.0)}


def test_memory_that_grows_for_ever_drifts_and_a_cache_that_fills_does_not():
    (growing,) = trends([], hour(lambda share: 50e6 + 30e6 * share))
    assert growing.drifts
    assert growing.per_hour == pytest.approx(30e6, rel=0.01)
    (full,) = trends([], hour(lambda share: 50e6 + 30e6 * min(1, share / 0.1)))
    assert not full.drifts


def test_a_step_up_is_no_trend():
    (memory,) = trends([], hour(lambda share: 50e6 + 20e6 * (share > 0.5)))
    assert not memory.drifts


def test_days_of_censuses_are_judged_as_an_hour_is():
    censuses = [replace(BEFORE, at_s=5.0 * n, memory_bytes=50_000_000 + 100_000 * n) for n in range(40_000)]
    (memory,) = trends([], censuses)
    assert memory.drifts
    assert memory.per_hour == pytest.approx(72e6, rel=0.01)


def test_a_slow_kind_of_machine_beside_a_fast_one_is_no_trend():
    boots = [
        Happened(f"tiny-{1 + n % 2}", "boot", 36.0 * n, 2.0 + 6.0 * (n % 2))
        for n in range(101)
        if n % 2 or n < 50
    ]
    _, boot = trends(boots, hour(lambda _: 50e6))
    assert not boot.drifts
    assert boot.per_hour == 0


def test_boots_that_take_longer_and_longer_drift():
    boots = [Happened("tiny-1", "boot", 36.0 * n, 2 + n / 100) for n in range(101)]
    memory, boot = trends(boots, hour(lambda _: 50e6))
    assert (memory.drifts, boot.drifts) == (False, True)
    assert not Outcome(3600, tuple(boots), BEFORE, BEFORE, (memory, boot)).passed


@given(st.lists(st.floats(0, DRIFT_AFTER_S - 1), max_size=20).map(sorted))
def test_a_short_soak_says_nothing_of_drift(times):
    assert trends([BOOT] * 20, [replace(BEFORE, at_s=at_s) for at_s in times]) == ()
