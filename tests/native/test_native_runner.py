"""Programs on the host: bounded, owned, and the same words as in a guest."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import psutil
import pytest

from harness.channels.ssh import Completed
from harness.errors import (
    CommandFailed,
    CommandTimeout,
    MeasurementError,
    OutputTooLarge,
    ToolMissing,
    UnknownName,
    UsageError,
    WrongAnswer,
)
from harness.guests.model import Arch, GuestImage
from harness.guests.toolchain import Target, guest_target, host_target
from harness.machines.compute import Plan, calibrate
from harness.machines.compute_report import KERNELS
from harness.machines.model import MachineSpec
from harness.machines.native import NativeBackend, NativeRunner
from harness.machines.native import runner as native_runner


@pytest.fixture
def runner():
    with NativeRunner() as one:
        yield one


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_error_status_and_input(runner):
    done = runner.run(
        python("import sys; print(sys.stdin.read().upper()); print('oh', file=sys.stderr); sys.exit(7)"),
        stdin="näh".encode(),
        check=False,
    )
    assert (done.stdout, done.stderr, done.status) == ("NÄH\n".encode(), b"oh\n", 7)
    assert done.seconds > 0


def test_without_input_stdin_is_empty(runner):
    assert runner.run(python("import sys; print(len(sys.stdin.read()))")).stdout == b"0\n"


def test_more_input_than_a_pipe_holds(runner):
    echo = python("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())")
    data = bytes(range(256)) * 8192
    assert runner.run(echo, stdin=data).stdout == data


def test_input_that_nobody_reads_is_no_error(runner):
    assert runner.run(python("print('done')"), stdin=b"x" * (1 << 20)).stdout == b"done\n"


def test_a_status_other_than_0_is_an_error_that_quotes_stderr(runner):
    with pytest.raises(CommandFailed, match="status 3 on the host: what went wrong") as caught:
        runner.run(python("import sys; print('what went wrong', file=sys.stderr); sys.exit(3)"))
    assert caught.value.status == 3


def test_a_missing_program_has_a_name(runner):
    with pytest.raises(ToolMissing):
        runner.run(["/nowhere/vb-compute"])


def test_a_timeout_leaves_nothing_running(runner, tmp_path):
    note = tmp_path / "pids"
    family = f"""
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({str(note)!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
time.sleep(600)
"""
    with pytest.raises(CommandTimeout, match=r"did not end within 2 s on the host"):
        runner.run(python(family), timeout_s=2)
    left = [psutil.Process(int(pid)) for pid in note.read_text().split() if psutil.pid_exists(int(pid))]
    assert psutil.wait_procs(left, timeout=5)[1] == []


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_is_cut_off_and_ended(runner, monkeypatch, stream):
    monkeypatch.setattr(native_runner, "OUTPUT_LIMIT", 1 << 20)
    flood = python(f"import sys\nwhile True: sys.{stream}.write('x' * 65536)")
    with pytest.raises(OutputTooLarge, match=f"more than 1048576 bytes to {stream}"):
        runner.run(flood)
    assert not [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == flood]


def test_compute_calibrates_once_and_repeats_as_planned(runner):
    plan = calibrate(runner, target_ms=5)
    assert list(plan.iterations) == list(KERNELS)
    for _ in range(2):
        done = plan.once(runner, repetitions=2)
        assert [(each.kernel, each.repetition) for each in done] == [(k, n) for k in KERNELS for n in (0, 1)]
        assert [each.iterations for each in done[::2]] == list(plan.iterations.values())


def test_compute_takes_some_kernels_and_names_the_nearest(runner):
    assert list(calibrate(runner, kernels=["syscall", "float"], target_ms=2).iterations) == [
        "syscall",
        "float",
    ]
    with pytest.raises(UnknownName, match="did you mean 'float'"):
        calibrate(runner, kernels=["floats"], target_ms=2)


def test_a_wrong_answer_is_one_however_it_is_told(runner, build_variant):
    corrupt = str(build_variant("-DVB_CORRUPT_ANSWER"))
    with pytest.raises(WrongAnswer, match="on native: vb-compute: integer: wrong answer"):
        Plan(corrupt, {"integer": 10}).once(runner)


@dataclass
class Liar:
    """Passes a program's report on after changing it."""

    old: bytes
    new: bytes
    target: Target = field(default_factory=host_target)
    name: str = "liar"

    def install(self, program):
        return str(program)

    def run(self, argv, *, timeout_s=30, check=True, stdin=b""):
        done = NativeRunner().run(argv, timeout_s=timeout_s, check=check, stdin=stdin)
        assert self.old in done.stdout
        return Completed(done.stdout.replace(self.old, self.new), b"", done.status, done.seconds)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b'"kernel":"syscall"', b'"kernel":"process"', "process"),
        (b'"repetition":0', b'"repetition":1', "did not run what it was asked to"),
        (b'"os":"', b'"os":"not', "ran as not"),
        (b'"event":"end"', b'"event":"end" ', None),
    ],
)
def test_a_runner_that_reports_something_else_is_not_believed(vb_compute, old, new, error):
    plan = Plan(str(vb_compute), {"syscall": 1000})
    if error is None:
        assert plan.once(Liar(old, new))
    else:
        with pytest.raises(MeasurementError, match=error):
            plan.once(Liar(old, new))


def test_the_backend_is_usable_for_the_hosts_own_architecture_only():
    probes = {arch: NativeBackend().probe(arch) for arch in Arch}
    here = host_target().arch
    assert probes[here].usable
    (other,) = [probe for arch, probe in probes.items() if arch is not here]
    assert (other.usable, other.code) == (False, "wrong-arch")
    assert other.fix
    assert NativeBackend().capabilities().archs == {here}


def test_the_backend_boots_nothing():
    with pytest.raises(UsageError, match="native boots no guest, so not tiny either"):
        NativeBackend().machine(MachineSpec(GuestImage("tiny", Arch.ARM64)))


def test_a_guest_target_is_linux_whatever_the_host_is():
    assert str(guest_target(Arch.ARM64)) == "linux-arm64"
