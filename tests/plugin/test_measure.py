"""What a scenario says through ``measure`` is what the run holds, directly and from a worker of pytest-xdist."""

from __future__ import annotations

import json
from functools import partial

import pytest

from harness.errors import MeasurementError, NothingMeasured
from harness.plugin.measure import Measure
from harness.plugin.record import apply
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
