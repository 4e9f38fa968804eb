"""fio on any runner: the same jobs in a guest, on its disk, and on the host, on a file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import CommandFailed, MeasurementError
from harness.machines.fio_report import FioReport, parse_report
from harness.runtimes.programs import host_program

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines.runner import Runner

RUNTIME = "fio"
_MARGIN_S = 60
"""What fio may take beside its job: its start, where nothing is accelerated, and what it must still write back."""


@dataclass(frozen=True, slots=True)
class FioJob:
    """What to do with a disk."""

    name: str
    pattern: str
    """fio's ``rw``."""
    block: str
    depth: int
    """Requests in flight."""
    direct: bool = True
    """Past the page cache of whoever runs it."""
    flushes: bool = False
    """An fdatasync after every write, which is what QEMU makes of a guest's flush: fsync of a file of the host would
    write its times, too, and no disk of a guest has any."""

    @property
    def direction(self) -> str:
        """``read`` or ``write``."""
        return "read" if self.pattern.endswith("read") else "write"

    def options(self, target: str, size_mib: int, seconds: int, *, asynchronous: str = "libaio") -> list[str]:
        """fio's command line, its name left out; ``asynchronous`` is the engine of jobs that have more in flight."""
        return [
            *_named(self.name, target, size_mib),
            f"--rw={self.pattern}",
            f"--bs={self.block}",
            f"--ioengine={asynchronous if self.depth > 1 else 'psync'}",
            f"--iodepth={self.depth}",
            f"--direct={int(self.direct)}",
            *(["--fdatasync=1"] if self.flushes else []),
            "--time_based",
            f"--runtime={seconds}",
            "--output-format=json",
        ]


JOBS = (
    FioJob("sequential-read", "read", "1M", 4),
    FioJob("sequential-write", "write", "1M", 4),
    FioJob("random-read", "randread", "4k", 16),
    FioJob("random-write", "randwrite", "4k", 16),
    FioJob("fsync", "randwrite", "4k", 1, direct=False, flushes=True),
)


@dataclass(frozen=True, slots=True)
class Fio:
    """fio on ``target``, a disk or a file of ``size_mib`` MiB."""

    runner: Runner
    program: tuple[str, ...]
    target: str
    size_mib: int
    asynchronous: str = "libaio"

    def run(self, job: FioJob, seconds: int) -> FioReport:
        """Do it for so long. Raises MeasurementError, ChannelError."""
        options = job.options(self.target, self.size_mib, seconds, asynchronous=self.asynchronous)
        try:
            done = self.runner.run([*self.program, *options], timeout_s=seconds + _MARGIN_S)
            return parse_report(done.stdout, job.name, job.direction, flushes=job.flushes)
        except (CommandFailed, MeasurementError) as error:
            raise MeasurementError(f"{job.name} on {self.runner.name}: {error.message}") from error

    def fill(self) -> None:
        """Write all of it, since nothing is read from where nothing was written."""
        options = [*_named("fill", self.target, self.size_mib), "--rw=write", "--bs=1M", "--end_fsync=1"]
        self.runner.run([*self.program, *options], timeout_s=5 * _MARGIN_S)


def _named(job: str, target: str, size_mib: int) -> list[str]:
    escaped = target.replace(":", "\\:")  # a colon parts two files
    return [f"--name={job}", f"--filename={escaped}", f"--size={size_mib}M"]


def host_fio(runner: Runner, file: Path, size_mib: int) -> Fio:
    """fio for the host: the runtime's, of the guest's version, where that is installed and runs; else the host's own.

    Raises ToolMissing where there is neither.
    """
    engine = "libaio" if sys.platform == "linux" else "posixaio"
    return Fio(runner, tuple(host_program("fio", RUNTIME)), str(file), size_mib, engine)
