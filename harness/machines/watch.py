"""What ``vb-watch`` says in a guest, each line stamped when it arrives."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.channels.stamp import Stamp
from harness.errors import ChannelClosed, InvalidMessage, NotSeen, VisorbenchError
from harness.guests.toolchain import guest_target
from harness.guests.workloads import workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.machines.model import Machine

PROGRAM = "/tmp/vb-watch"  # noqa: S108 - in a guest of ours, alone with itself
PATIENCE_S = 120
"""For the guest to begin; it may be emulated on a host with other things to do."""
_LONGEST_S = 24 * 3600
_LINE_BYTES = 16384


@dataclass(frozen=True, slots=True)
class Line:
    """One line, and when it arrived."""

    text: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Uevent:
    """What a guest's kernel told of a device, and when the harness heard of it."""

    action: str
    """``add``, ``remove``, ``change`` …"""
    subsystem: str
    path: str
    """Below /sys."""
    facts: Mapping[str, str]
    """DEVNAME, DEVTYPE and so on."""
    stamp: Stamp

    @classmethod
    def parse(cls, line: Line) -> Uevent:
        """Raises InvalidMessage for what ``vb-watch uevents`` does not say."""
        words = line.text.split(" ")
        if len(words) < 3 or not words[2].startswith("/"):
            raise InvalidMessage(f"a guest told of a device as {line.text[:80]!r}")
        facts = dict(word.partition("=")[::2] for word in words[3:])
        return cls(words[0], words[1], words[2], facts, line.stamp)

    @property
    def name(self) -> str:
        """``sda``, ``eth1``, ``event3``."""
        return self.path.rpartition("/")[2]


@dataclass(slots=True)
class Watch:
    """The lines until now, for whoever looks back or waits."""

    what: str
    _lines: list[Line] = field(default_factory=list)
    _partial: bytes = b""
    _ended: VisorbenchError | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, matching: Callable[[Line], bool], timeout_s: float, since: Stamp, *, awaited: str) -> Line:
        """The first line that arrived ``since`` and is ``matching``; raises NotSeen, ChannelError."""
        deadline, looked_at = time.monotonic() + timeout_s, 0
        with self._changed:
            while True:
                for line in self._lines[looked_at:]:
                    if line.stamp.at_ns >= since.at_ns and matching(line):
                        return line
                looked_at = len(self._lines)
                if self._ended:
                    raise self._ended
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise NotSeen(
                        f"the guest told nothing of {awaited} within {timeout_s:g} s",
                        fix="has it the driver? its console tells", told=[line.text for line in self._lines[-20:]],
                    )  # fmt: skip

    def wait_for(self, text: str, since: Stamp, timeout_s: float = PATIENCE_S) -> Stamp:
        """When the guest said exactly this; raises as :meth:`wait` does."""
        return self.wait(lambda line: line.text == text, timeout_s, since, awaited=text).stamp

    def take(self, data: bytes) -> None:
        """What has arrived now; raises InvalidMessage for a line without end."""
        stamp = Stamp(time.monotonic_ns())
        *whole, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > _LINE_BYTES:
            raise InvalidMessage(f"{self.what}: a line without end")
        with self._changed:
            self._lines += [Line(line.decode(errors="replace"), stamp) for line in whole]
            self._changed.notify_all()

    def end(self, error: VisorbenchError) -> None:
        """Nothing will come any more: every wait ends with ``error``."""
        with self._changed:
            self._ended = error
            self._changed.notify_all()


def install(machine: Machine) -> None:
    """Put ``vb-watch`` into the guest; raises ChannelError, and what building it raises."""
    machine.ssh.put(workload("watch", guest_target(machine.spec.guest.arch)), PROGRAM, mode=0o755)


@contextmanager
def watching(machine: Machine, *what: str) -> Iterator[Watch]:
    """``vb-watch`` with these arguments, which has begun; raises NotSeen, ChannelError."""
    watch, stop = Watch(" ".join(what)), threading.Event()

    def until_stopped() -> Iterator[bytes]:
        stop.wait()
        yield from ()

    def follow() -> None:
        try:
            done = machine.ssh.stream(
                [PROGRAM, *what], timeout_s=_LONGEST_S, stdin=until_stopped(), stdout=watch.take
            )
            watch.end(ChannelClosed(f"vb-watch {watch.what} ended with status {done.status}"))
        except VisorbenchError as error:
            watch.end(error)

    began = Stamp(time.monotonic_ns())
    thread = threading.Thread(target=follow, name="visorbench-watch", daemon=True)
    thread.start()
    try:
        watch.wait_for("watching", began)
        yield watch
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        if thread.is_alive():
            machine.ssh.disconnect()
