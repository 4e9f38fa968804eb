"""vb-gpu itself, on whatever this host draws with: pictures that are right, and every way to end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import pytest

from harness.gpu.picture import parse_ppm
from harness.gpu.report import parse_report
from harness.guests.toolchain import host_target
from harness.guests.wgpu_native import wgpu_native
from harness.guests.workloads import RECIPES
from harness.machines.gpu import SCENES

NATIVE_APIS = ["metal"] if host_target().os == "macos" else ["vulkan", "gles"]
FEW = ["--frames=4", "--warmup=2"]
SMALL = ["--width=64", "--height=64", *FEW]


@pytest.fixture(params=NATIVE_APIS)
def api(request, gpu_api):
    return gpu_api(request.param)


@pytest.fixture
def one_api(gpu_api):
    return gpu_api(NATIVE_APIS[0])


def call(program, *arguments, **options):
    return subprocess.run([program, *arguments], capture_output=True, timeout=200, check=False, **options)


def drawn(program, *arguments):
    done = call(program, *arguments)
    assert done.returncode == 0, done.stderr
    return parse_report(done.stdout)


def ended(program, status, *arguments):
    """The reason that the program gives for ending with ``status``."""
    done = call(program, *arguments)
    assert done.returncode == status, done.stderr
    return [line for line in done.stderr.decode().splitlines() if line.startswith("vb-gpu: ")][-1]


def test_the_list_names_every_scene(vb_gpu):
    listed = call(vb_gpu, "--list-scenes").stdout.decode().splitlines()
    assert [line.split()[0] for line in listed] == list(SCENES)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("size", [(64, 64), (67, 101), (321, 200)])
def test_every_scene_draws_what_it_must(vb_gpu, api, scene, size):
    report = drawn(
        vb_gpu, f"--api={api}", f"--scene={scene}", f"--width={size[0]}", f"--height={size[1]}", *FEW
    )
    assert (report.api, report.scene, report.adapter.api) == (api, scene, api)
    assert (report.frames.count, len(report.warmup_ns)) == (4, 2)
    assert (report.check.wrong, report.check.pixels) == (0, size[0] * size[1])
    assert 10 * report.check.undecided < report.check.pixels
    assert report.setup.device_ns + report.setup.scene_ns < report.setup.first_frame_ns


@pytest.mark.parametrize("scene", SCENES)
def test_two_apis_draw_the_same(vb_gpu, gpu_api, tmp_path, scene):
    pictures = []
    for name in NATIVE_APIS:
        path = tmp_path / f"{name}.ppm"
        drawn(vb_gpu, f"--api={gpu_api(name)}", f"--scene={scene}", f"--picture={path}", *SMALL)
        pictures.append(parse_ppm(path.read_bytes()))
    assert {(each.width, each.height) for each in pictures} == {(64, 64)}
    furthest = [max(channel) - min(channel) for channel in zip(*(each.rgb for each in pictures), strict=True)]
    assert sum(distance > 2 for distance in furthest) < 3 * 64 * 64 // 10


def test_frames_differ_and_the_same_frame_is_the_same_picture(vb_gpu, one_api, tmp_path):
    for scene in SCENES:
        pictures = []
        for frames in (4, 4, 5):
            path = tmp_path / "last.ppm"
            arguments = [f"--frames={frames}", "--warmup=1", "--width=128", "--height=64"]
            drawn(vb_gpu, f"--api={one_api}", f"--scene={scene}", f"--picture={path}", *arguments)
            pictures.append(path.read_bytes())
        assert pictures[0] == pictures[1], scene
        assert pictures[0] != pictures[2], scene


@pytest.mark.parametrize("in_flight", [1, 2, 3, 4])
def test_frames_in_flight_change_no_picture(vb_gpu, api, tmp_path, in_flight):
    chosen = [f"--api={api}", "--scene=fill", f"--in-flight={in_flight}", *SMALL]
    assert drawn(vb_gpu, *chosen).in_flight == in_flight


def test_time_ends_what_frames_do_not(vb_gpu, one_api):
    report = drawn(vb_gpu, f"--api={one_api}", "--scene=latency", "--seconds=1", "--width=64", "--height=64")
    assert report.frames.count > 1
    assert report.frames.seconds >= 1


def test_more_frames_than_a_line_holds(vb_gpu, one_api):
    chosen = [f"--api={one_api}", "--scene=latency", "--width=64", "--height=64"]
    report = drawn(vb_gpu, *chosen, "--frames=300", "--warmup=129")
    assert (report.frames.count, len(report.warmup_ns), report.check.frame) == (300, 129, 428)


def test_a_wrong_picture_is_no_number(build_gpu_variant, one_api, tmp_path):
    wrong, path = build_gpu_variant("-DVB_CORRUPT_PICTURE"), tmp_path / "wrong.ppm"
    done = call(wrong, f"--api={one_api}", "--scene=fill", f"--picture={path}", *SMALL)
    assert done.returncode == 3
    assert b"vb-gpu: fill: 1 of 4096 pixels are wrong; the first, at 1,1, is " in done.stderr
    assert b"times_ns" not in done.stdout
    assert parse_ppm(path.read_bytes()).width == 64


def test_a_lost_device_is_named(build_gpu_variant, api):
    losing = build_gpu_variant("-DVB_LOSE_DEVICE=3")
    assert "the device was lost" in ended(losing, 7, f"--api={api}", "--scene=triangle", *SMALL)


def test_a_frame_that_takes_too_long_is_a_hang(vb_gpu, one_api):
    slow = ["--scene=compute", "--width=1920", "--height=1080"]
    assert "the GPU hangs: " in ended(vb_gpu, 8, f"--api={one_api}", "--deadline-ms=1", *slow)


def test_an_api_that_the_system_does_not_have(vb_gpu):
    missing = "dx12"
    assert ended(vb_gpu, 4, f"--api={missing}", "--scene=fill").endswith("no adapter speaks dx12 here")
    assert ended(vb_gpu, 4, f"--api={missing}", "--list-adapters").endswith("no adapter speaks dx12 here")


def test_an_adapter_that_is_not_there(vb_gpu, one_api):
    said = ended(vb_gpu, 5, f"--api={one_api}", "--scene=fill", "--adapter=Voodoo")
    assert f"that speak {one_api} is called 'Voodoo'" in said


def test_an_adapter_by_a_part_of_its_name_in_any_case(vb_gpu, one_api):
    chosen = [f"--api={one_api}", "--scene=fill", *SMALL]
    device = drawn(vb_gpu, *chosen).adapter.device
    assert drawn(vb_gpu, *chosen, f"--adapter={device[1:5].upper()}").adapter.device == device


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_between_two_frames(vb_gpu, one_api, number):
    endless = [vb_gpu, f"--api={one_api}", "--scene=latency", "--seconds=600"]
    with subprocess.Popen(endless, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        started = [process.stdout.readline() for _ in range(2)]
        assert b'"adapter"' in started[1]
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"vb-gpu: ended by signal {number}".encode() in stderr
    assert b"times_ns" not in stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--api and --scene are needed"),
        (["--api=vulkan"], "--api and --scene are needed"),
        (["--api=opengl"], "unknown API 'opengl'; known: vulkan gles metal dx12"),
        (["--scene=teapot"], "unknown scene 'teapot'"),
        (["--width=63"], "--width: '63' is not a whole number from 64 to 1920"),
        (["--height=1081"], "--height: '1081' is not a whole number from 64 to 1080"),
        (["--frames=0"], "--frames: '0' is not"),
        (["--frames=1e3"], "--frames: '1e3' is not"),
        (["--seconds=-1"], "--seconds: '-1' is not"),
        (["--warmup=0"], "--warmup: '0' is not"),
        (["--in-flight=5"], "--in-flight: '5' is not"),
        (["--api=vulkan", "--scene=latency", "--in-flight=2"], "waits for every frame's answer, so only 1"),
        (["more"], "unexpected argument 'more'"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(vb_gpu, arguments, said):
    assert said in ended(vb_gpu, 2, *arguments)


def test_a_picture_that_cannot_be_written_says_where(vb_gpu, one_api):
    chosen = [f"--api={one_api}", "--scene=fill", "--picture=/nowhere/last.ppm"]
    assert "cannot write /nowhere/last.ppm: No such file" in ended(vb_gpu, 1, *chosen, *SMALL)


def test_a_reader_that_goes_away_is_an_error_with_a_name(vb_gpu, one_api):
    read, write = os.pipe()
    os.close(read)
    chosen = [vb_gpu, f"--api={one_api}", "--scene=fill", *SMALL]
    done = subprocess.run(chosen, stdout=write, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(write)
    assert done.returncode == 1
    assert b"vb-gpu: cannot write the report: Broken pipe" in done.stderr


@pytest.fixture(scope="session")
def sanitized(vb_gpu, tmp_path_factory):
    """The CMake build with the address and undefined behaviour sanitizers: free of warnings, or it fails."""
    if not shutil.which("cmake") or not shutil.which("cc"):
        pytest.skip("needs cmake and a system compiler: apt install cmake gcc")
    folder = tmp_path_factory.mktemp("sanitized")
    library = wgpu_native(host_target()).file.parent
    configure = [
        "cmake",
        "-S",
        RECIPES["gpu"].folder,
        "-B",
        folder,
        f"-DWGPU_NATIVE={library}",
        "-DVB_SANITIZE=ON",
    ]
    subprocess.run(configure, check=True, capture_output=True)
    subprocess.run(["cmake", "--build", folder, "--parallel", "2"], check=True, capture_output=True)
    return folder / "vb-gpu"


@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_is_clean_under_the_sanitizers(sanitized, api, scene):
    """Drivers leak what they like when they are unloaded; what this program's own code allocated must be gone."""
    options = os.environ | {"ASAN_OPTIONS": "detect_leaks=1:exitcode=0", "LSAN_OPTIONS": "exitcode=0"}
    done = call(sanitized, f"--api={api}", f"--scene={scene}", *SMALL, env=options)
    assert parse_report(done.stdout).check.wrong == 0
    assert b"ERROR: AddressSanitizer" not in done.stderr
    assert b"runtime error" not in done.stderr
    assert not [line for line in done.stderr.splitlines() if b"native/gpu/" in line and b"#" in line]
