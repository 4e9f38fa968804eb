"""``vb-pattern`` on the host itself, drawing into memory that we read: the same frames without a guest or a display."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from harness.display.pattern_report import parse_report
from harness.errors import CommandFailed, HostLacks
from harness.guests.toolchain import host_target
from harness.guests.workloads import workload
from harness.host.processes import PIPE, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.display.pattern_report import PatternReport
    from harness.host.processes import OwnedProcess

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
_END_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that was drawn, and is not drawn into again until it was used."""

    number: int
    """Frames before it."""
    file: int
    """A descriptor of the pages' memory."""
    offset: int
    width: int
    height: int
    stride: int


def draw(size: tuple[int, int], words: Sequence[str], use: Callable[[Shown], None]) -> PatternReport:
    """Draw, and have ``use`` called for every page when it is drawn; the program goes on while it runs, up to the same
    page. Raises HostLacks where there is no such memory, CommandFailed, MeasurementError."""
    if not _IN_MEMORY.is_dir():
        raise HostLacks("pages without a display lie in /dev/shm, which this host does not have")
    with TemporaryDirectory(dir=_IN_MEMORY, prefix="visorbench-") as folder:
        pages = Path(folder) / "pages"
        program = str(workload("pattern", host_target()))
        argv = [program, f"--memory={pages}", f"--size={size[0]}x{size[1]}", "--times", *words]
        process = spawn(argv, purpose="native pattern", stdin=PIPE, stdout=PIPE)
        try:
            return _read(process, pages, use)
        finally:
            process.kill()
            process.wait(_END_TIMEOUT_S)


def _read(process: OwnedProcess, pages: Path, use: Callable[[Shown], None]) -> PatternReport:
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise AssertionError("a process without its pipes")
    lines: list[bytes] = []
    start: dict[str, Any] = {}
    shown, file = 0, -1
    try:
        for line in stdout:
            event = json.loads(line)
            if event["event"] != "shown":
                lines.append(line)
                start = start or event
                continue
            if file < 0:
                file = os.open(pages, os.O_RDONLY)
            offset = event["page"] * start["stride"] * start["height"]
            use(Shown(shown, file, offset, start["width"], start["height"], start["stride"]))
            shown += 1
            with suppress(BrokenPipeError):
                stdin.write(b"x")
                stdin.flush()
    finally:
        if file >= 0:
            os.close(file)
    if (status := process.wait(_END_TIMEOUT_S)) != 0:
        raise CommandFailed(f"the pattern ended with status {status} on the host", status=status)
    return parse_report(b"".join(lines))
