"""The GPU workload through a runner: what is asked for is what is drawn, and every failure has its class."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from harness.channels.ssh import Completed
from harness.errors import (
    AdapterMissing,
    DeviceLost,
    GpuApiMissing,
    GpuError,
    GpuHung,
    MeasurementError,
    UnknownName,
    WrongPicture,
)
from harness.gpu.metrics import metrics
from harness.gpu.renderer import classify
from harness.guests.toolchain import Target, host_target
from harness.machines.gpu import GpuWorkload, prepare
from harness.machines.native import NativeRunner

API = "metal" if host_target().os == "macos" else "vulkan"


@pytest.fixture
def runner(vb_gpu):
    return NativeRunner()


@pytest.fixture
def api(gpu_api):
    return gpu_api(API)


def test_a_scene_is_drawn_measured_and_seen(runner, api):
    report = prepare(runner).run(
        runner, api=api, scene="upload", size=(320, 200), frames=5, warmups=2, picture=True
    )
    assert (report.frames.count, report.width, report.height) == (5, 320, 200)
    assert report.picture is not None
    assert len(report.picture.rgba) == 320 * 200 * 4
    assert len(set(report.picture.rgb)) > 100
    assert {each.name for each in metrics(report)} >= {"fps", "upload-bandwidth"}
    assert classify(report.adapter).name


def test_nothing_is_left_where_the_picture_was(runner, api, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    workload = prepare(runner)
    workload.run(runner, api=api, scene="fill", size=(64, 64), frames=2, picture=True)
    with pytest.raises(AdapterMissing):
        workload.run(runner, api=api, scene="fill", size=(64, 64), frames=2, picture=True, adapter="Voodoo")
    assert list(tmp_path.iterdir()) == []


def test_every_adapter_says_who_it_is(runner, api):
    adapters = prepare(runner).adapters(runner)
    assert api in {each.api for each in adapters}
    assert all(classify(each).name for each in adapters)
    assert prepare(runner).adapters(runner, "dx12") == ()


def test_the_environment_chooses_among_drivers(runner, gpu_api):
    if API == "metal":
        pytest.skip("macOS has one driver")
    workload, nowhere = prepare(runner), {"VK_DRIVER_FILES": "/nowhere", "VK_ICD_FILENAMES": "/nowhere"}
    assert workload.adapters(runner, gpu_api("vulkan"))
    assert workload.adapters(runner, "vulkan", environment=nowhere) == ()
    with pytest.raises(GpuApiMissing, match="no adapter speaks vulkan"):
        workload.run(runner, api="vulkan", scene="fill", environment=nowhere)


def test_names_are_checked_before_anything_runs(runner):
    with pytest.raises(UnknownName, match="did you mean 'vulkan'"):
        GpuWorkload("/nowhere").run(runner, api="vulcan", scene="fill")
    with pytest.raises(UnknownName, match="did you mean 'triangle'"):
        GpuWorkload("/nowhere").run(runner, api="vulkan", scene="triangles")


def test_what_is_missing_says_what_brings_it(runner):
    with pytest.raises(GpuApiMissing, match="no adapter speaks dx12 here") as caught:
        prepare(runner).run(runner, api="dx12", scene="fill")
    assert caught.value.fix == "Direct3D 12 is there on Windows only"


def test_a_hang_and_a_lost_device_and_a_wrong_picture_have_classes(runner, api, build_gpu_variant):
    with pytest.raises(GpuHung):
        prepare(runner).run(runner, api=api, scene="compute", size=(1920, 1080), frame_deadline_s=0.001)
    with pytest.raises(DeviceLost):
        GpuWorkload(str(build_gpu_variant("-DVB_LOSE_DEVICE=3"))).run(runner, api=api, scene="fill")
    with pytest.raises(WrongPicture, match="fill: 1 of 4096 pixels are wrong") as caught:
        GpuWorkload(str(build_gpu_variant("-DVB_CORRUPT_PICTURE"))).run(
            runner, api=api, scene="fill", size=(64, 64)
        )
    assert caught.value.scene == "fill"


def test_a_program_that_fails_otherwise_is_quoted(runner):
    with pytest.raises(GpuError, match=r"vb-gpu ended with status 2: --warmup: '0' is not") as caught:
        prepare(runner).run(runner, api=API, scene="fill", warmups=0)
    assert caught.value.status == 2


@dataclass
class Liar:
    """Passes a program's report on after changing it."""

    old: bytes
    new: bytes
    target: Target = field(default_factory=host_target)
    name: str = "liar"

    def install(self, program, *libraries):
        return str(program)

    def run(self, argv, *, timeout_s=30, check=True, stdin=b""):
        done = NativeRunner().run(argv, timeout_s=timeout_s, check=check, stdin=stdin)
        assert self.old in done.stdout
        return Completed(done.stdout.replace(self.old, self.new), b"", done.status, done.seconds)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"scene":"fill"', b'"scene":"draws"'),
        (b'"api":"', b'"api":"g'),
        (b'"os":"', b'"os":"not'),
        (b'"width":64,"height":128', b'"width":128,"height":64'),
    ],
)
def test_a_runner_that_reports_something_else_is_not_believed(api, vb_gpu, old, new):
    with pytest.raises(MeasurementError, match="did not draw what it was asked to"):
        GpuWorkload(str(vb_gpu)).run(Liar(old, new), api=api, scene="fill", size=(64, 128), frames=3)


def test_fewer_frames_than_asked_for_are_not_believed(api, vb_gpu):
    class Forgetful(Liar):
        def run(self, argv, **options):
            return super().run([word.replace("--frames=3", "--frames=2") for word in argv], **options)

    with pytest.raises(MeasurementError, match="did not draw what it was asked to"):
        GpuWorkload(str(vb_gpu)).run(Forgetful(b"", b""), api=api, scene="fill", size=(64, 64), frames=3)
