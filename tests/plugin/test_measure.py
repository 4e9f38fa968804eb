"""What a scenario says through ``measure`` is what the run holds, directly and from a worker of pytest-xdist."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from itertools import cycle

import pytest

from harness.channels.stamp import Stamp
from harness.errors import MeasurementError, NothingMeasured
from harness.machines.model import Phase, Timeline
from harness.measure.adaptive import Goal
from harness.plugin.measure import Measure
from harness.plugin.record import apply
from harness.plugin.turn import Precision, Turn
from harness.results.recorder import RunRecorder

GUEST = {
    "backend": "tcg",
    "guest": "gpu",
    "arch": "arm64",
    "config": {"cpus": 2},
    "fingerprint": "f",
    "variant": "",
}
NATIVE = {"backend": "native", "arch": "x86-64"}
RATE = {"unit": "frames/s", "better": "higher"}
RED = b"\xff\x00\x00\xff"


@pytest.fixture
def recorder(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as made:
        yield made


def measure(sink) -> Measure:
    return Measure("scene", GUEST, NATIVE, None, sink)


def every_word(one: Measure) -> None:
    """A scenario that uses everything: two ways to work in the guest, each against its own on the host."""
    slow, fast = (one.variant(name, native=True) for name in ("slow", "fast"))
    ways = [
        (one.variant("a", config={"driver": "d"}, against=slow), 10),
        (one.variant("b", against=fast), 20),
    ]
    one.notice("nothing accelerates here")
    for number in one.rounds(3):
        for way, rate in ((slow, 20), (fast, 80), *ways):
            about = {"targets": {"80 %": 0.8}, "definition": "frames ÷ time", "facts": {"renderer": "r"}}
            way.record("triangle/frame-rate", rate + number, **RATE, **about)
            way.record_all("triangle/frame-time", [1 / rate] * 5, unit="s", better="lower")
            way.fact("triangle/frame-time", "picture", "right")
            way.attach_picture("triangle", RED * 6, 3, 2, caption="right", facts={"renderer": "r"})


def test_everything_said_is_in_the_run(recorder):
    one = measure(partial(apply, recorder))
    every_word(one)
    one.check_not_empty()
    run = recorder.finish()
    natives = {
        s.subject: (s.native.subject, round(s.native.ratio, 3)) for s in run.series if s.native and s.targets
    }
    assert natives == {
        "tcg-arm64-gpu-a": ("native-x86-64-slow", 0.524),
        "tcg-arm64-gpu-b": ("native-x86-64-fast", 0.259),
    }
    a, b = (subject for subject in run.subjects if subject.backend == "tcg")
    assert a.fingerprint != b.fingerprint
    assert a.config == {"cpus": 2, "variant": "a", "driver": "d"}
    rates = [series for series in run.series if series.metric == "triangle/frame-rate"]
    assert {series.definition for series in rates} == {"frames ÷ time"}
    assert {series.facts["renderer"] for series in rates} == {"r"}
    times = next(series for series in run.series if series.metric == "triangle/frame-time")
    assert (len(times.samples), len(times.times), times.facts) == (15, 15, {"picture": "right"})
    assert {(picture.name, picture.width, picture.height) for picture in run.pictures} == {("triangle", 3, 2)}
    assert len(run.pictures) == 4
    assert run.notices == ("nothing accelerates here",)


def test_the_boots_of_a_polled_phase_share_a_note(recorder):
    one = measure(partial(apply, recorder))
    for resolution_ns in (10_000_000, 13_100_000, 19_900_001, 20_000_000):
        banner = Stamp(2_000_000_000, resolution_ns)
        one.record_phases(Timeline(Stamp(0), {Phase.SSH_BANNER: banner}))
    (banner,) = recorder.finish().series
    assert (banner.notes, len(banner.samples)) == (
        ("polled every 10 ms or less", "polled every 20 ms or less"),
        4,
    )


def test_what_a_worker_sends_is_the_same(recorder, tmp_path):
    execnet = pytest.importorskip("execnet")
    records = []
    every_word(measure(records.append))
    for record in execnet.loads(execnet.dumps(records)):
        apply(recorder, record)
    directly = RunRecorder("quick", {}, reports=tmp_path / "other")
    every_word(measure(partial(apply, directly)))

    def said(run):
        document = json.loads(run.to_json())
        return document["subjects"], document["pictures"], [s["samples"] for s in document["series"]]

    assert said(recorder.finish()) == said(directly.finish())


def test_a_variant_measures_for_the_scenario_that_it_is_of(recorder):
    one = measure(partial(apply, recorder))
    way = one.variant("a")
    with pytest.raises(NothingMeasured):
        one.check_not_empty()
    way.record("triangle/frame-rate", 1, **RATE)
    assert (one.count, way.count) == (1, 1)
    one.check_not_empty()


def test_a_picture_that_does_not_fit_its_size_is_no_picture(recorder):
    one = measure(partial(apply, recorder))
    with pytest.raises(MeasurementError, match="3 x 2"):
        one.attach_picture("triangle", RED, 3, 2)
    assert recorder.finish().pictures == ()


def test_rounds_are_as_many_as_the_scenario_says(recorder):
    one = measure(partial(apply, recorder))
    assert list(one.rounds(3)) == [0, 1, 2]


def test_with_a_goal_rounds_go_on_until_every_median_is_known(recorder):
    one = replace(measure(partial(apply, recorder)), precision=Precision(Goal(precision=0.05, budget_s=60)))
    spread = cycle([0.9, 1.0, 1.1, 1.0])
    for _ in one.rounds(3):
        one.record("wide", next(spread), unit="s", better="lower")
        one.record("narrow", 1.0, unit="s", better="lower")
        one.record("narrow", 1.0, unit="s", better="lower", native=True)
    run = recorder.finish()
    wide, narrow, host = run.series
    assert 10 <= wide.summary.n == narrow.summary.n == host.summary.n < 200
    low, high = wide.summary.ci95
    assert (high - low) / 2 <= 0.05
    assert not any("asked for" in note for series in run.series for note in series.notes)


def test_steps_belong_together_whatever_the_goal_or_the_turn(recorder):
    one = replace(measure(partial(apply, recorder)), precision=Precision(Goal(precision=0.01, budget_s=60)))
    for which in (one, replace(one, turn=Turn(1))):
        assert list(which.steps(3)) == [0, 1, 2]


def test_a_budget_that_is_spent_ends_the_rounds_and_is_noted(recorder):
    one = replace(measure(partial(apply, recorder)), precision=Precision(Goal(precision=0.01, budget_s=1e-9)))
    for number in one.rounds(12):
        one.record("wide", 1 + number % 2, unit="s", better="lower")
        if number == 0:
            one.record("once", 1, unit="s", better="lower")
    wide, once = recorder.finish().series
    assert wide.summary.n == 12
    assert any("Known only to" in note and "±1.0% was asked for" in note for note in wide.notes)
    assert any("Known hardly" in note for note in once.notes)


def test_turns_put_each_first_as_often(recorder):
    one = measure(partial(apply, recorder))
    assert [one.turns(number, "native", "guest")[0] for number in range(4)] == ["native", "guest"] * 2


def test_a_way_is_the_same_wherever_its_program_lies():
    """A path in a subject's configuration says where, not what: what the subject is, its own fingerprint says."""

    def fingerprint(name="a", driver="d", **subject):
        facts = GUEST | {"config": {"qemu": "/home/me/qemu"}} | subject
        return (
            Measure("scene", facts, NATIVE, None, print)
            .variant(name, config={"driver": driver})
            .facts["fingerprint"]
        )

    assert fingerprint() == fingerprint(config={"qemu": "/opt/qemu"})
    assert len({fingerprint(), fingerprint("b"), fingerprint(driver="e"), fingerprint(fingerprint="g")}) == 4
