"""The program itself: what it prints, what it refuses, and that a wrong answer is noticed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess

import psutil
import pytest

from harness.guests.workloads import RECIPES
from harness.machines.compute_report import KERNELS, parse_report


def call(program, *arguments, **options):
    return subprocess.run([program, *arguments], capture_output=True, timeout=120, check=False, **options)


def report(program, *arguments):
    done = call(program, *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return parse_report(done.stdout)


def test_list_names_every_kernel_with_its_unit(vb_compute):
    lines = call(vb_compute, "--list").stdout.decode().splitlines()
    assert {line.split()[0]: line.split()[1] for line in lines} == dict(KERNELS)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_calibrates_repeats_and_is_right(vb_compute, kernel):
    got = report(vb_compute, f"--kernel={kernel}", "--target-ms=10", "--repetitions=3")
    (calibration,) = got.calibrations
    assert [each.repetition for each in got.repetitions] == [0, 1, 2]
    assert {each.iterations for each in got.repetitions} == {calibration.iterations}
    assert {each.kernel for each in got.repetitions} == {kernel}
    assert all(each.value > 0 for each in got.repetitions)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("iterations", [1, 2, 319, 320, 321, 961])
def test_every_iteration_count_has_a_known_answer(vb_compute, kernel, iterations):
    """Counts around a pass of the bandwidth kernel's buffer, and few enough for process creation."""
    chosen = f"--kernel={kernel}={iterations}"
    got = report(vb_compute, chosen, "--repetitions=2", "--warmup=2", "--seed=18446744073709551615")
    assert [each.iterations for each in got.repetitions] == [iterations, iterations]
    assert not got.calibrations


def test_every_kernel_runs_by_default_in_the_order_of_the_list(vb_compute):
    got = report(vb_compute, "--iterations=2")
    assert [each.kernel for each in got.repetitions] == list(KERNELS)
    assert got.seed == 1


@pytest.mark.parametrize(
    "kernel", ["integer", "float", "memory-bandwidth", "pointer-chasing", "context-switch"]
)
def test_the_seed_decides_the_data(vb_compute, kernel):
    checks = {
        report(vb_compute, f"--kernel={kernel}=3", f"--seed={seed}").repetitions[0].check
        for seed in (1, 1, 2)
    }
    assert len(checks) == 2


def test_calibration_alone_prints_no_repetition(vb_compute):
    got = report(vb_compute, "--calibrate-only", "--target-ms=5")
    assert [each.kernel for each in got.calibrations] == list(KERNELS)
    assert got.repetitions == ()


def test_a_longer_target_means_more_iterations(vb_compute):
    few, many = (
        report(vb_compute, "--kernel=float", "--calibrate-only", f"--target-ms={ms}")
        .calibrations[0]
        .iterations
        for ms in (1, 1000)
    )
    assert many > few  # a thousand times as many where nothing else runs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--kernel=integr"],
            "unknown kernel 'integr'; known: integer float memory-bandwidth pointer-chasing",
        ),
        (["--kernel=int"], "unknown kernel 'int'"),
        (["--kernel="], "unknown kernel ''"),
        (["--kernel=float", "--kernel=float=3"], "'float' is named twice"),
        (["--kernel=float="], "'' is not a whole number"),
        (["--kernel=float=0"], "'0' is not a whole number"),
        (["--iterations=-1"], "'-1' is not a whole number"),
        (["--repetitions=1e3"], "'1e3' is not a whole number"),
        (["--seed=99999999999999999999999"], "is not a whole number"),
        (["--target-ms=0"], "--target-ms: '0' is not a whole number from 1 to 60000"),
        (["--calibrate-only", "--iterations=3"], "it takes none"),
        (["integer"], "unexpected argument 'integer'"),
        (["--bogus"], "bogus"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(vb_compute, arguments, said):
    done = call(vb_compute, *arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert said in done.stderr.decode()


def test_a_wrong_answer_ends_the_program_without_a_figure(build_variant):
    corrupt = build_variant("-DVB_CORRUPT_ANSWER")
    for kernel in KERNELS:
        done = call(corrupt, f"--kernel={kernel}=1")
        assert done.returncode == 3
        assert done.stderr.startswith(f"vb-compute: {kernel}: wrong answer ".encode())
        assert done.stderr.count(b"\n") == 1
        assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["start"]


def test_undefined_behaviour_traps_and_none_does(build_variant):
    report(build_variant("-fsanitize=undefined", "-fsanitize-trap=undefined"), "--target-ms=5")


def test_the_cmake_build_is_clean_under_the_sanitizers(tmp_path):
    if not shutil.which("cmake") or not shutil.which("cc"):
        pytest.skip("needs cmake and a system compiler: apt install cmake gcc")
    configure = ["cmake", "-S", RECIPES["compute"].folder, "-B", tmp_path, "-DVB_SANITIZE=ON"]
    subprocess.run(configure, check=True, capture_output=True)
    subprocess.run(["cmake", "--build", tmp_path], check=True, capture_output=True)
    report(tmp_path / "vb-compute", "--target-ms=5")


def test_a_reader_that_goes_away_is_an_error_with_a_name(vb_compute):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [vb_compute, "--kernel=syscall"], stdout=write, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == b"vb-compute: cannot write the report: Broken pipe\n"


def test_the_other_half_of_a_context_switch_dies_with_the_first(vb_compute):
    process = subprocess.Popen(
        [vb_compute, "--kernel=context-switch=4000000000", "--warmup=0"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()  # the start line; the peer is born right after it
    children: list[psutil.Process] = []
    while not children:
        assert process.poll() is None
        children = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert psutil.wait_procs(children, timeout=10)[1] == []
