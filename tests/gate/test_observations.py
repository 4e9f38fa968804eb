"""What the gate counts: samples that were recorded together are one witness, not many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gate.decide import decide
from harness.gate.observations import observations
from harness.results.models import Series
from harness.results.recorder import RunRecorder
from tests.gate.runs import QEMU
from tests.report.synthetic import HOST, recorded

SUMMARY = {"median": 1, "ci95": None, "min": 1, "max": 1, "p95": 1, "p99": 1}


def series(samples, times):
    return Series(
        scenario="gpu", metric="frame-time", unit="s", better="lower", subject="tcg",
        samples=samples, times=times, summary={"n": len(samples), **SUMMARY},
    )  # fmt: skip


def test_the_frames_of_a_round_are_one_observation():
    rounds = series((3.0, 1.0, 2.0, 10.0, 20.0, 7.0), (1.5, 1.5, 1.5, 4.0, 4.0, 2.0))
    assert observations(rounds).tolist() == [2.0, 7.0, 15.0]


def test_samples_without_times_are_each_their_own():
    assert observations(series((3.0, 1.0, 3.0), None)).tolist() == [3.0, 1.0, 3.0]


@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.floats(-1e6, 1e6)), min_size=1, unique_by=lambda each: each[1])
)
def test_samples_taken_one_by_one_are_all_kept(taken):
    samples, times = zip(*taken, strict=True)
    in_time = [sample for _, sample in sorted(zip(times, samples, strict=True))]
    assert observations(series(samples, times)).tolist() == in_time


def drawn(reports, *, seed, rounds):
    """A hundred frames a round; every round has its own speed, which all its frames share."""
    random = np.random.default_rng(seed)
    with RunRecorder("gate", recorded(HOST), reports=reports, run_id=f"drawn-{seed}") as recorder:
        tcg = recorder.subject(**QEMU)
        for number in range(rounds):
            values = 0.01 * random.lognormal(0, 0.2) * random.lognormal(0, 0.01, 100)
            recorder.samples(
                "gpu", "frame-time", unit="s", better="lower", subject=tcg, values=values, at_s=[number] * 100
            )
        recorder.end()
        return recorder._draft.freeze()


@pytest.mark.parametrize("seed", range(0, 20, 2))
def test_rounds_that_differ_by_chance_are_no_regression(tmp_path, seed):
    """One by one, the 2,000 frames of these runs "differ" in most pairs beyond any doubt, and by more than 5 %."""
    before, after = (drawn(tmp_path, seed=each, rounds=20) for each in (seed, seed + 1))
    (judged,) = decide(before, after).judged
    assert judged.samples == (20, 20)
    assert judged.verdict == "same"
