"""The compute workload on any runner: calibrate once, then repeat with fixed iterations as often as one likes.

A guest without hardware acceleration needs far fewer iterations than the host for the same time, so every runner has a
plan of its own; what is compared is the value, in operations per second::

    plans = {runner: calibrate(runner, target_ms=200) for runner in (native, guest)}
    for _ in range(rounds):
        for runner, plan in plans.items():
            for repetition in plan.once(runner):
                …
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import MeasurementError, UnknownName, WrongAnswer
from harness.guests.workloads import workload
from harness.machines.compute_report import KERNELS, Repetition, Report, parse_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.machines.runner import Runner

_WRONG_ANSWER = 3
"""The program's exit status for it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An installed program and the iterations of each kernel on one runner."""

    program: str
    iterations: Mapping[str, int]
    seed: int = 1

    def once(
        self, runner: Runner, *, repetitions: int = 1, warmups: int = 1, timeout_s: float = 120
    ) -> tuple[Repetition, ...]:
        """``repetitions`` of every kernel, in the order of the plan, with a short untimed warm-up before each kernel.

        Raises WrongAnswer, MeasurementError, ChannelError.
        """
        chosen = [f"--kernel={kernel}={count}" for kernel, count in self.iterations.items()]
        counts = [f"--repetitions={repetitions}", f"--warmup={warmups}", f"--seed={self.seed}"]
        report = _invoke(runner, [self.program, *chosen, *counts], timeout_s)
        asked = [(kernel, n, i) for kernel, i in self.iterations.items() for n in range(repetitions)]
        got = [(each.kernel, each.repetition, each.iterations) for each in report.repetitions]
        if got != asked or report.calibrations:
            raise MeasurementError(f"vb-compute on {runner.name} did not run what it was asked to")
        return report.repetitions


def calibrate(
    runner: Runner,
    *,
    target_ms: int,
    kernels: Iterable[str] = KERNELS,
    seed: int = 1,
    timeout_s: float = 120,
) -> Plan:
    """Install the workload (building it first if need be) and find how many iterations take ``target_ms``, about.

    Raises UnknownName for a kernel, what :func:`harness.guests.workloads.workload` raises, and what
    :meth:`Plan.once` raises.
    """
    names = list(kernels)
    for name in names:
        if name not in KERNELS:
            raise UnknownName("kernel", name, KERNELS)
    program = runner.install(workload("compute", runner.target))
    chosen = [f"--kernel={name}" for name in names]
    options = ["--calibrate-only", f"--target-ms={target_ms}", f"--seed={seed}"]
    report = _invoke(runner, [program, *chosen, *options], timeout_s)
    if [each.kernel for each in report.calibrations] != names or report.repetitions:
        raise MeasurementError(f"vb-compute on {runner.name} did not calibrate what it was asked to")
    return Plan(program, {each.kernel: each.iterations for each in report.calibrations}, seed)


def _invoke(runner: Runner, argv: Sequence[str], timeout_s: float) -> Report:
    completed = runner.run(argv, timeout_s=timeout_s, check=False)
    if completed.status != 0:
        said = completed.stderr[-500:].decode(errors="replace").strip() or "nothing on stderr"
        if completed.status == _WRONG_ANSWER:
            raise WrongAnswer(
                f"on {runner.name}: {said}",
                fix="the machine computes wrongly: trust no figure of it",
                argv=list(argv),
            )
        raise MeasurementError(
            f"vb-compute on {runner.name} ended with status {completed.status}: {said}",
            argv=list(argv), status=completed.status,
        )  # fmt: skip
    report = parse_report(completed.stdout)
    if (report.os, report.arch) != (runner.target.os, str(runner.target.arch)):
        raise MeasurementError(
            f"{runner.name} is {runner.target}, and vb-compute ran as {report.os}-{report.arch}"
        )
    return report
