"""Routes in a contest: what is left out by name, what ends a route, and that no failure hides another."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from harness.channels.ssh import Completed
from harness.config.model import Profile
from harness.errors import (
    AccelerationUnproved,
    CommandTimeout,
    DeviceLost,
    GpuError,
    GpuHung,
    MeasurementError,
    WrongPicture,
)
from harness.gpu.renderer import classify
from harness.host import disturbance
from harness.machines.gpu import GpuWorkload
from harness.machines.gpu_guest import Guest
from harness.machines.gpu_routes import VENUS, Along, Contender, Route
from harness.machines.model import GpuMode
from harness.machines.native import NativeRunner
from harness.plugin.gpu_contest import Entrant, Stand, together
from harness.plugin.measure import Measure
from harness.plugin.record import apply
from harness.results.recorder import RunRecorder

PROFILE = Profile(boots=1, lifecycle_rounds=1, compute_rounds=1, gpu_frames=3)
SMALL, LARGER, LARGEST = (64, 64), (128, 64), (128, 128)
HANGS = "echo 'vb-gpu: the GPU hangs: a frame has not ended within 15000 ms' >&2; exit 8"
GIVES_UP = (
    "printf \"thread '<unnamed>' panicked at src/lib.rs:605:\nError in wgpuDevicePoll: Validation Error\n\nCaused by:\n"
    '  Timed out trying to wait for the given submission index.\nfatal runtime error" >&2; kill -ABRT $$'
)
LOSES = "echo 'vb-gpu: the device was lost' >&2; exit 7"
DRAWS_WRONGLY = "echo 'vb-gpu: fill: 1 of 8192 pixels are wrong' >&2; exit 3"


@pytest.fixture
def recorder(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as made:
        yield made


@pytest.fixture
def entrant(tmp_path, vb_gpu, gpu_api, recorder):
    """Makes a route of this host whose program does ``mischief`` with some pictures, and draws all others."""
    api = gpu_api("vulkan")
    adapter = GpuWorkload(str(vb_gpu)).adapters(NativeRunner(), api)[0]
    measure = Measure("gpu", {}, {"backend": "native", "arch": "x86-64"}, PROFILE, partial(apply, recorder))

    def make(name, mischief="exit 0", pictures="none", *, software=False):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\ncase "$*" in {pictures}) {mischief};; esac\nexec {vb_gpu} "$@"\n')
        program.chmod(0o755)
        kind = classify(adapter)
        if software and not kind.on_processor:
            pytest.skip(f"{adapter.device} draws here, no software")
        route = Route(name, api, kind.kind if software else None)
        contender = Contender(
            Along(NativeRunner(), str(program), route), GpuWorkload(str(program)), route, adapter
        )
        return Entrant(contender, measure.variant(name, native=True))

    return make


def drawn(run, entrant):
    return {
        series.metric.partition("/")[0]: series.summary.n
        for series in run.series
        if series.metric.endswith("/fps") and series.subject.endswith(entrant.contender.route.name)
    }


def draw(taking_part, scenes=("triangle", "fill"), sizes=(SMALL, LARGER, LARGEST), rounds=2):
    with together(taking_part):
        for _ in range(rounds):
            for scene in scenes:
                for size in sizes:
                    for one in taking_part:
                        one.draw(scene, size, PROFILE)


@pytest.mark.parametrize("mischief", [HANGS, GIVES_UP])
def test_what_software_does_too_slowly_is_left_out_from_that_size_up(entrant, recorder, mischief):
    slow = entrant("slow", mischief, "*--scene=fill*--width=128*", software=True)
    draw([slow])
    run = recorder.finish()
    assert drawn(run, slow) == dict.fromkeys(
        ["triangle-64x64", "triangle-128x64", "triangle-128x128", "fill-64x64"], 2
    )
    (left_out,) = run.skipped
    assert left_out.code == "gpu-too-slow"
    assert left_out.subject in {series.subject for series in run.series}
    assert left_out.reason.startswith(
        "fill at 128x64 takes software in the guest more than 15 s a frame; larger pictures"
    )
    assert not run.failed


def test_where_others_had_the_host_software_is_not_blamed_for_its_slowness(entrant, recorder, monkeypatch):
    slow = entrant("slow", HANGS, "*--scene=fill*", software=True)
    looks = iter([disturbance.Reading(0, 0, 0, 0), disturbance.Reading(1, psutil.cpu_count() * 0.6, 0, 0)])
    monkeypatch.setattr(disturbance, "read", lambda: next(looks))
    draw([slow], scenes=("fill",))
    (left_out,) = recorder.finish().skipped
    assert left_out.fix.startswith("Other programs had 60% of this host's CPU time")


@pytest.mark.parametrize(("mischief", "error"), [(DRAWS_WRONGLY, WrongPicture), (LOSES, DeviceLost)])
def test_software_that_draws_wrongly_or_is_lost_has_failed_and_the_others_go_on(
    entrant, recorder, mischief, error
):
    wrong, right = entrant("wrong", mischief, "*--scene=fill*", software=True), entrant("right")
    with pytest.raises(error):
        draw([wrong, right])
    run = recorder.finish()
    assert set(drawn(run, wrong)) == {"triangle-64x64", "triangle-128x64", "triangle-128x128"}
    assert set(drawn(run, right).values()) == {2}
    assert len(drawn(run, right)) == 6


def test_a_route_to_a_gpu_that_hangs_has_failed(entrant):
    with pytest.raises(GpuHung, match="a frame has not ended"):
        draw([entrant("hangs", HANGS, "*--scene=fill*")])


class Ended:
    """A machine that can be killed, and nothing else."""

    pids = ()
    killed = False

    def kill(self):
        self.killed = True


class Stuck:
    """A GPU that is lost for every program."""

    route = Route("stuck", "vulkan")

    def __init__(self, error):
        self.error = error

    def draw(self, *_, **__):
        raise self.error


@pytest.mark.parametrize(
    "error", [CommandTimeout("'vb-gpu' did not end in time"), DeviceLost("its driver ended the program")]
)
def test_a_gpu_that_is_lost_is_left_with_its_machine_and_told(entrant, recorder, error):
    one, other = entrant("one"), entrant("other")
    first, second = Ended(), Ended()
    fresh, stuck = (one.contender, other.contender), (Stuck(error), Stuck(error))
    stand = Stand(Guest(GpuMode.VENUS, first, stuck, ""), lambda: Guest(GpuMode.VENUS, second, fresh, ""))
    stand.entrants = [one, other]
    for each in stand.entrants:
        each.contender, each.stand = Stuck(error), stand
    draw(stand.entrants, scenes=["triangle"], sizes=[SMALL])
    assert (first.killed, second.killed) == (True, False)
    run = recorder.finish()
    assert drawn(run, one) == drawn(run, other) == {"triangle-64x64": 2}
    why = f"{error.message}; another machine took the place of its own"
    notes = [note for series in run.series for note in series.notes]
    assert notes == [f"a repetition was begun again: {why}"]
    assert run.notices == (f"triangle was begun again: {why}.",)


def test_a_gpu_that_is_lost_again_and_again_has_failed(entrant):
    lost = DeviceLost("its driver ended the program")
    one = entrant("one")
    right, made = one.contender, []

    def again():
        made.append(Ended())
        return Guest(GpuMode.VENUS, made[-1], (right,), "")

    one.stand = Stand(again(), again, [one])
    for scene in ["triangle", "fill", "upload"]:
        one.contender = Stuck(lost)
        one.draw(scene, SMALL, PROFILE)
    assert one.failures == [lost]
    assert [machine.killed for machine in made] == [True, True, False]


class Says:
    """A guest in which every program says the same."""

    name = "a guest"

    def __init__(self, status, text):
        self.completed = Completed(text.encode(), b"", status, 0.1)

    def run(self, *_, **__):
        return self.completed


VKMARK = (Path(__file__).parents[1] / "gpu/said/vkmark.txt").read_text()


@pytest.mark.parametrize(
    ("said", "left_out", "failed"),
    [
        (Says(0, VKMARK), [], []),
        (Says(1, "no device"), ["no-vkmark"], []),
        (Says(0, VKMARK.replace("Virtio-GPU Venus", "llvmpipe")), [], [AccelerationUnproved]),
        (Says(0, "nothing"), [], [MeasurementError]),
    ],
)
def test_a_program_of_others_that_another_renderer_drew_has_failed(entrant, recorder, said, left_out, failed):
    one = entrant("venus")
    one.contender = replace(one.contender, route=VENUS, runner=Along(said, "vb-gpu", VENUS))
    one.draw_with_others()
    one.draw_with_others()
    run = recorder.finish()
    assert [skipped.code for skipped in run.skipped] == left_out
    assert [type(error) for error in one.failures] == failed
    assert {series.summary.n for series in run.series} == (set() if left_out or failed else {2})


def test_a_failure_is_told_also_where_something_else_ends_the_contest(entrant):
    lost = entrant("lost", LOSES, "*--scene=*")
    lost.draw("fill", SMALL, PROFILE)
    with pytest.raises(GpuError, match=r"the device was lost.*; a scenario's own mistake"), together([lost]):
        raise AssertionError("a scenario's own mistake")


def test_what_ends_a_contest_without_failures_stays_itself(entrant):
    with pytest.raises(AssertionError, match="own mistake"), together([entrant("fine")]):
        raise AssertionError("a scenario's own mistake")
