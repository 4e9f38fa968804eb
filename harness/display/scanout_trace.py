"""Which virtio-gpu resource a display shows, as the guest calls it: out of QEMU's own trace, for no display tells.

QEMU writes a line for every ``VIRTIO_GPU_CMD_SET_SCANOUT`` that it takes, before it tells its displays; so whoever
holds a frame of a display that waits for it (ScanoutMap) reads the frame's own resource here. The lines come through a
pipe that is always emptied: a QEMU whose log is full stands still. QEMU knows no way to undo the choice of a log file;
when this is closed, the event is off, and what else it may log meets a closed pipe, which it minds not.
"""

from __future__ import annotations

import os
import re
import select
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Self

from harness.errors import ControlError, ControlRefused, DisplayRefused, HostLacks
from harness.host.paths import private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.channels.qmp import Qmp

_EVENTS = "virtio_gpu_cmd_set_scanout*"
_LINE = re.compile(rb"virtio_gpu_cmd_set_scanout(?:_blob)? id 0, res 0x([0-9a-f]{1,8}),")
_MOST = 65536
"""Bytes read at once: as many as a pipe holds."""


class ScanoutTrace:
    """One scanout's resource, from the next flip on. Any thread may ask."""

    def __init__(self, qmp: Qmp) -> None:
        """Raises DisplayRefused for a QEMU that traces nothing, HostLacks on Windows, ControlError."""
        with ExitStack() as undo:
            self._shown = undo.enter_context(ShownResource(*undo.enter_context(traced(qmp))))
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def resource(self) -> int | None:
        """What is shown now; None when nothing is, or nobody has said so since this began."""
        return self._shown.now()

    def close(self) -> None:
        """Trace no more; fine for a QEMU that has ended. Idempotent."""
        self._undo.close()


@contextmanager
def traced(qmp: Qmp) -> Iterator[tuple[int, int]]:
    """Both ends, reading and writing, of the pipe that QEMU writes its trace to meanwhile: for a ShownResource.

    Raises as ScanoutTrace does.
    """
    with private_directory() as folder, _pipe(folder / "trace") as (pipe, wakes):
        try:
            said = qmp.execute("human-monitor-command", {"command-line": f'logfile "{folder / "trace"}"'})
            if said:  # this command's way to fail
                raise _refused(str(said).strip())
            _set(qmp, on=True)
        except ControlRefused as error:
            raise _refused(error.desc) from error
        try:
            yield pipe, wakes
        finally:
            with suppress(BlockingIOError):  # nobody reads any more, and QEMU stands still once it is full
                os.read(pipe, _MOST)
            with suppress(ControlError):
                _set(qmp, on=False)


def _set(qmp: Qmp, *, on: bool) -> None:
    qmp.execute("trace-event-set-state", {"name": _EVENTS, "enable": on})


class ShownResource:
    """Reads the trace as it comes, in ``with``; the descriptors stay the caller's."""

    def __init__(self, pipe: int, wakes: int) -> None:
        self._pipe = pipe
        self._wakes = wakes
        self._resource: int | None = None
        self._rest = b""
        self._reading = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._drain, name="scanout-trace", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closed = True
        with suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._wakes, b"\n")
        self._thread.join()

    def now(self) -> int | None:
        """As :meth:`ScanoutTrace.resource`."""
        with self._reading:
            with suppress(BlockingIOError):
                self._take(os.read(self._pipe, _MOST))
            return self._resource

    def _drain(self) -> None:
        while not self._closed:
            select.select([self._pipe], [], [])
            self.now()

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            said = _LINE.search(line)
            if said:
                self._resource = int(said[1], 16) or None


@contextmanager
def _pipe(path: Path) -> Iterator[tuple[int, int]]:
    """A named pipe's two ends, of which we keep both, so that it never ends: neither waits."""
    if sys.platform == "win32":
        raise HostLacks("QEMU's trace is read from a named pipe, which Windows does not have")
    os.mkfifo(path, 0o600)
    ours = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    wakes = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield ours, wakes
    finally:
        os.close(ours)
        os.close(wakes)


def _refused(why: str) -> DisplayRefused:
    return DisplayRefused(
        f"QEMU does not tell which resource its display shows: {why}",
        fix="ask for resource 0, the current scanout; `visorbench runtime install gpu` brings a QEMU that tells",
    )
