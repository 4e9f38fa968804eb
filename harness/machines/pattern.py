"""``vb-pattern`` at work: a guest's display that changes, driven from here, in a thread of its own while it draws."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from harness.display.pattern_report import PatternReport, parse_report
from harness.errors import CommandFailed, DisplayRefused, MeasurementError
from harness.guests.workloads import workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.machines.runner import Runner

REPORT_LIMIT = 16 << 20
TIMEOUT_S = 180
NO_DISPLAY, REFUSED = 3, 4


@dataclass(frozen=True, slots=True)
class Pattern:
    """The program on a runner where it is installed."""

    runner: Runner
    program: str

    @classmethod
    def prepare(cls, runner: Runner) -> Self:
        """Install it; raises what :func:`harness.guests.workloads.workload` and :meth:`Runner.install` raise."""
        return cls(runner, runner.install(workload("pattern", runner.target)))

    def draw(self, *options: str, timeout_s: float = TIMEOUT_S) -> PatternReport:
        """Draw to the end. Raises DisplayRefused where there is no such display, MeasurementError, CommandTimeout."""
        return self.run([self.program, *options], timeout_s=timeout_s)

    def run(self, argv: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> PatternReport:
        """The same of a command line that runs the program and something beside it."""
        try:
            ended = self.runner.run(argv, timeout_s=timeout_s)
        except CommandFailed as error:
            said = str(error.facts.get("stderr", "")).strip().removeprefix("vb-pattern: ") or error.message
            if error.facts.get("status") == NO_DISPLAY:
                raise DisplayRefused(
                    f"{self.runner.name}: {said}", fix="give the machine a GPU: 2d"
                ) from error
            raise MeasurementError(f"{self.runner.name}: the pattern ended early: {said}") from error
        return parse_report(ended.stdout)

    def start(self, *options: str, timeout_s: float = TIMEOUT_S) -> Drawing:
        """Draw in a thread; ask the result for the report."""
        return Drawing(lambda: self.draw(*options, timeout_s=timeout_s))


class Drawing:
    """A pattern that is being drawn, from its making on."""

    def __init__(self, draw: Callable[[], PatternReport]) -> None:
        self._draw = draw
        self._reports: list[PatternReport] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="pattern")
        self._thread.start()

    @property
    def going_on(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def report(self) -> PatternReport:
        """Wait for its end; raises what :meth:`Pattern.draw` raises."""
        self._thread.join()
        for error in self._errors:
            raise error
        return self._reports[0]

    def _run(self) -> None:
        try:
            self._reports.append(self._draw())
        except BaseException as error:  # noqa: BLE001 - raised where the report is asked for
            self._errors.append(error)


def options(
    *, frames: int = 0, seconds: float = 0, fps: int = 0, small: bool = False, more: Sequence[str] = ()
) -> list[str]:
    """The program's words: ``fps`` 0 draws as fast as pages flip, ``small`` changes only a band of the picture."""
    return [
        *([f"--frames={frames}"] if frames else []),
        *([f"--seconds={seconds:g}"] if seconds else []),
        *([f"--fps={fps}"] if fps else []),
        *(["--in-place"] if small else []),
        *more,
    ]
