"""What intervals, verdicts and goals count: samples that were recorded together are one witness, not many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gate.decide import decide
from harness.measure.adaptive import Goal
from harness.measure.observations import observations
from harness.measure.statistics import summarise
from harness.plugin.turn import Precision
from harness.report.site.facts import facts_of
from harness.results.recorder import RunRecorder
from tests.gate.runs import QEMU
from tests.report.synthetic import HOST, recorded


def test_the_frames_of_a_round_are_one_observation():
    samples, times = (3.0, 1.0, 2.0, 10.0, 20.0, 7.0), (1.5, 1.5, 1.5, 4.0, 4.0, 2.0)
    assert observations(samples, times).tolist() == [2.0, 7.0, 15.0]


def test_samples_without_times_are_each_their_own():
    assert observations((3.0, 1.0, 3.0), None).tolist() == [3.0, 1.0, 3.0]


@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.floats(-1e6, 1e6)), min_size=1, unique_by=lambda each: each[1])
)
def test_samples_taken_one_by_one_are_all_kept(taken):
    samples, times = zip(*taken, strict=True)
    in_time = [sample for _, sample in sorted(zip(times, samples, strict=True))]
    assert observations(samples, times).tolist() == in_time


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


def test_the_interval_of_frames_is_that_of_their_rounds(tmp_path):
    """A hundred frames of each of twenty rounds: by frames, the interval would be a tenth as wide."""
    (found,) = drawn(tmp_path, seed=1, rounds=20).series
    rounds = summarise(observations(found.samples, found.times))
    assert found.summary.n == 2_000
    assert found.summary.ci95 == rounds.ci95
    low, high = summarise(found.samples).ci95
    assert rounds.ci95[1] - rounds.ci95[0] > 3 * (high - low)
    assert not any("too narrow" in note for note in found.notes)


def test_so_is_that_of_a_ratio_to_native(tmp_path):
    with RunRecorder("gpu", {}, reports=tmp_path, run_id="ratio") as recorder:
        names = {
            "native": recorder.subject(backend="native", arch="x86-64"),
            "guest": recorder.subject(**QEMU),
        }
        for number in range(2):
            for name in names.values():
                recorder.samples(
                    "gpu", "frame-time", unit="s", better="lower", subject=name, values=[0.01] * 100,
                    at_s=[number] * 100,
                )  # fmt: skip
        (one,) = [each for each in recorder.finish().series if each.native]
    assert one.native.ratio == 1
    assert one.native.ci95 is None  # two rounds, not two hundred frames


def test_the_site_draws_its_intervals_from_rounds_too(tmp_path):
    (series,) = facts_of(drawn(tmp_path, seed=1, rounds=20))["series"]
    assert (series["n"], series["counted"]) == (2_000, 20)


def test_rounds_end_when_rounds_agree_not_when_the_frames_of_one_do():
    known = Precision(Goal(precision=0.01, budget_s=1))
    record = {"metric": "frame-time", "subject": {"backend": "tcg"}, "values": [0.01, 0.02, 0.01] * 100}
    for number in range(1, 11):
        known.take(record)
        assert bool(known.missed()) == (number < 10)
