"""What the same work costs the host's processors, in a guest and without one: CPU time, whatever the clock says.

A busy host makes work take longer, and hardly more CPU time; and what a VMM does beside its guest is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import MeasurementError
from harness.machines.compute import Plan, calibrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.channels.ssh import Completed
    from harness.guests.toolchain import Target
    from harness.machines.runner import Runner

KERNELS = ("integer", "float")
WORK_MS = 1000
"""Of each at a time: what starts it is little beside it."""
MILLION = 1e6
OVERHEADS = {"83 % (20 % overhead)": 1 / 1.2, "91 % (10 % overhead)": 1 / 1.1}
"""The band that hardware virtualisation is held against: the same work takes 10 to 20 % more CPU time."""

_TIMED = '"$0" "$@"; status=$?; LC_ALL=C; times >&2; exit $status'
_TIMES = re.compile(rb"(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*\Z")
"""The last line of POSIX's ``times``: user and system time of what the shell has run."""


class TimedRunner:
    """The host, and the CPU time of what has run on it; raises as the runner does, and MeasurementError."""

    def __init__(self, runner: Runner) -> None:
        self.name = runner.name
        self.cpu_s = 0.0
        """Of everything until now."""
        self._runner = runner

    @property
    def target(self) -> Target:
        return self._runner.target

    def install(self, program: Path, *libraries: Path) -> str:
        """As the runner's."""
        return self._runner.install(program, *libraries)

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30, check: bool = True, stdin: bytes = b""
    ) -> Completed:
        """As the runner's, through a shell that tells the time."""
        completed = self._runner.run(
            ["sh", "-c", _TIMED, *argv], timeout_s=timeout_s, check=check, stdin=stdin
        )
        told = _TIMES.search(completed.stderr)
        if told is None:
            raise MeasurementError(f"the shell of {self.name} does not tell what {argv[0]} took of the CPU")
        user_min, user_s, system_min, system_s = map(float, told.groups())
        self.cpu_s += 60 * (user_min + system_min) + user_s + system_s
        return completed


@dataclass(frozen=True, slots=True)
class Load:
    """Work on one runner, and what tells the CPU time that the host has spent on it until now."""

    runner: Runner
    cpu_s: Callable[[], float]
    plans: tuple[tuple[str, Plan], ...]

    @classmethod
    def of(cls, runner: Runner, cpu_s: Callable[[], float]) -> Load:
        """As much of each kernel as takes about WORK_MS there; raises what :func:`calibrate` raises."""
        plans = [(kernel, calibrate(runner, kernels=[kernel], target_ms=WORK_MS)) for kernel in KERNELS]
        return cls(runner, cpu_s, tuple(plans))

    def once(self) -> Iterator[tuple[str, float]]:
        """Every kernel, and the CPU seconds for a million of what it counts; raises what :meth:`Plan.once` does."""
        for kernel, plan in self.plans:
            before = self.cpu_s()
            (did,) = plan.once(self.runner, warmups=0)
            spent_s = self.cpu_s() - before
            yield kernel, spent_s * MILLION / (did.iterations * did.per_iteration)
