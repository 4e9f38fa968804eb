"""Disk images as a bench measures them: on the host itself, once, with no guest."""

import shutil
import sys

import pytest

SCENARIO = """
import pytest
from harness.plugin.image_trials import ImageTrials

@pytest.mark.host_only
def test_images(disk_factory, measure):
    trials = ImageTrials(disk_factory.qemu_img, disk_factory.folder, measure, 8)
    for number in measure.rounds(1):
        trials.make_and_resize()
        trials.convert()
        trials.compact()
        trials.snapshot()
        trials.copy(tell_lacks=number == 0)
    assert not list(disk_factory.folder.iterdir())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="images are copied as POSIX does it")
@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="this host has no qemu-img")
def test_every_step_is_measured_once_on_the_host_itself(bench):
    done = bench.run(bench.scenario(SCENARIO, "test_images.py"), "--backend", "tcg", timeout_s=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "raw to qcow2" in done.stdout
    results = bench.results
    assert {one["backend"] for one in results["subjects"]} == {"native"}
    series = {each["metric"]: each["samples"] for each in results["series"]}
    assert all(len(samples) == 1 for samples in series.values())
    left_out = {each["code"] for each in results["skipped"]}
    for means in ("reflink", "copy_file_range", "cp", "rsync"):
        assert (f"image-copy/{means}" in series) != (f"no-{means}" in left_out), (means, left_out)
    assert 40 < series["image-compact/size"][0] < 60
    assert {
        "image-create/qcow2", "image-resize/raw-shrink", "image-convert/raw-to-compressed-qcow2",
        "image-convert/qcow2-to-raw", "image-snapshot/load",
    } <= set(series)  # fmt: skip
