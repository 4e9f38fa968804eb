"""``visorbench gpu`` and ``visorbench boot --gpu``: tables, JSON, what is left out by name, mistakes told at once."""

from __future__ import annotations

import json

import pytest

from harness.errors import QemuNotFound
from harness.guests.model import Arch
from harness.host.qemu import qemu_for
from harness.machines.gpu import SCENES, prepare
from harness.machines.native import NativeRunner

LITTLE = ["--scene", "triangle", "--size", "64x64", "--frames", "3"]
ON_TCG = ["--backend", "tcg", "--arch", "x86-64"]


@pytest.fixture
def rows(command, patient_gpus):
    """Run ``visorbench gpu --json``; returns its exit code and its rows."""

    def run(*options):
        code, out, err = command("gpu", *LITTLE, *options, "--json")
        assert out, err
        return code, json.loads(out)

    return run


@pytest.fixture
def without_gl():
    """The host's QEMU, which cannot give its guests OpenGL."""
    try:
        qemu = qemu_for("x86-64")
    except QemuNotFound as error:
        pytest.skip(str(error))
    if qemu.features.virtio_gpu_gl:
        pytest.skip(f"{qemu.path} has virtio-gpu-gl")
    return qemu.path


@pytest.fixture(scope="session")
def native_apis():
    """What the host draws with."""
    found = {adapter.api for adapter in prepare(NativeRunner()).adapters(NativeRunner())}
    if not found & {"vulkan", "gles", "metal"}:
        pytest.skip("no adapter of this host draws")
    return found


def test_the_help_names_every_scene_and_what_it_measures(command):
    code, out, _ = command("gpu", "--help")
    assert code == 0
    listed = out.partition("Scenes:")[2]
    assert all(f"  {scene} " in listed and what in listed for scene, what in SCENES.items())


@pytest.mark.usefixtures("native_apis")
def test_native_draws_and_says_what_it_measured_as_json(rows):
    code, found = rows("--backend", "native", "--scene", "latency")
    assert code == 0
    assert {row["scene"] for row in found} == {"triangle", "latency"}
    for row in found:
        assert row["where"].startswith("native ")
        assert row["renderer"]
        assert (row["frames"], row["failure"], row["left_out"]) == (3, "", "")
        assert row["metrics"]["fps"] > 0
        assert row["metrics"].keys() == row["units"].keys()


@pytest.mark.usefixtures("native_apis")
def test_the_table_has_a_line_for_each_route_and_defines_the_1_percent_low(command):
    code, out, err = command("gpu", "--backend", "native", *LITTLE)
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("native ") and " triangle " in line]
    assert "1 % low: frame rate of the slowest hundredth" in out
    assert "native" in err
    assert "failed" not in out


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--scene", "triangel"], 2, "did you mean 'triangle'"),
        (["--backend", "tgc"], 2, "did you mean 'tcg'"),
        (["--arch", "x86"], 2, "did you mean 'x86-64'"),
        (["--gpu", "venu"], 2, "did you mean 'venus'"),
        (["--backend", "native", "--gpu", "venus"], 2, "--backend native boots none"),
        (["--size", "63x64"], 2, "from 64x64 to 1920x1080"),
        (["--size", "large"], 2, "'large' is no size"),
        (["--frames", "0"], 2, "--frames"),
        (["--runtime", "mangaed"], 2, "did you mean 'managed'"),
        ([*ON_TCG, "--qemu", "/no/such/qemu"], 3, "/no/such/qemu"),
        (["--qemu", "/q", "--runtime", "managed"], 2, "both a QEMU (/q) and a runtime (managed) are named"),
    ],
)
def test_mistakes_are_told_before_anything_draws(command, options, code, words):
    got, out, err = command("gpu", *options)
    assert (got, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize("mode", ["virgl", "venus"])
def test_a_mode_by_name_that_this_qemu_has_not_ends_the_command(command, without_gl, mode):
    code, out, err = command("gpu", "--arch", "x86-64", "--qemu", without_gl, "--gpu", mode)
    assert (code, out) == (3, "")
    assert "virtio-gpu-gl" in err
    assert "visorbench runtime install gpu" in err


@pytest.mark.slow
@pytest.mark.guest_boot
@pytest.mark.timeout(600)
def test_what_a_qemu_has_not_is_left_out_by_name_and_software_still_draws(rows, without_gl, reference):
    reference("gpu", Arch.X86_64)
    code, found = rows(*ON_TCG, "--qemu", without_gl)
    assert code == 0
    assert [row["where"].split()[-1] for row in found] == [
        "venus",
        "virgl",
        "software-vulkan",
        "software-gles",
    ]
    assert all("virtio-gpu-gl" in row["left_out"] and not row["metrics"] for row in found[:2])
    assert all("llvmpipe" in row["renderer"] and row["metrics"]["fps"] > 0 for row in found[2:])
    assert not any(row["failure"] for row in found)


@pytest.mark.guest_boot
@pytest.mark.timeout(600)
def test_virgl_draws_in_a_real_guest(rows, gpu_qemu, reference):
    reference("gpu", Arch.X86_64)
    code, (row,) = rows(*ON_TCG, "--gpu", "virgl", *(["--qemu", gpu_qemu] if gpu_qemu else []))
    assert (code, row["failure"], row["left_out"], row["frames"]) == (0, "", "", 3)
    assert row["renderer"].startswith("virgl (")


@pytest.mark.slow
@pytest.mark.guest_boot
@pytest.mark.timeout(600)
def test_a_guest_with_virgl_boots_from_the_command_line(command, gpu_qemu, reference):
    reference("gpu", Arch.X86_64)
    options = [*ON_TCG, "--gpu", "virgl", "--timeout", "300", *(["--qemu", gpu_qemu] if gpu_qemu else [])]
    code, out, err = command("boot", "gpu", *options, "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said["ended"] == "ready"
