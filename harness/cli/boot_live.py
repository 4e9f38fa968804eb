"""A console as it is spoken, with the seconds since the start in the margin, until something ends the watch."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from harness.channels.pattern import Line
from harness.counted import counted
from harness.errors import (
    BootTimeout,
    ChannelClosed,
    MachineError,
    NotSeen,
    VisorbenchError,
)
from harness.machines.model import Phase, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.machines.model import Machine

_QUEUED = 2000
"""Lines that wait for the terminal; a flood beyond that is counted instead of shown."""
_NEVER = r"(?!)"
_LONG_S = 3600
_SETTLE_S = 2
"""How long the last lines may take to the screen's queue."""
_PHASES = (Phase.VMM_READY, Phase.FIRST_CONSOLE, Phase.INIT, Phase.GUEST_READY)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the watch ended: ``ready``, ``marker``, ``off`` (the guest powered off) or ``timeout``."""

    why: str
    sentence: str
    line: Line | None = None
    """The one that was waited for; a prompt is one that has not ended."""


def watch(machine: Machine, *, until: str | None, timeout_s: float, show: bool) -> Ending:
    """Start ``machine`` and show its console until the regex, readiness, its end, or the timeout.

    Raises BootTimeout when what was waited for did not come; a watch without anything to wait for just ends.
    Raises MachineDied, GuestPanicked.
    """
    machine.start()
    # A guest may speak before QMP greets, so that its lines are told from the first.
    return _follow(machine, lambda: _ending(machine, until, timeout_s), show=show, replay=True)


def stay(machine: Machine, *, show: bool) -> Ending:
    """Go on showing the console of a machine that runs, until its guest powers off; raises MachineDied,
    GuestPanicked."""
    return _follow(machine, lambda: _off(machine), show=show, replay=False)


def _follow(machine: Machine, end: Callable[[], Ending], *, show: bool, replay: bool) -> Ending:
    spoken: queue.Queue[Line | Ending | VisorbenchError] = queue.Queue()
    screen = _Screen(machine, spoken) if show else None
    if screen:
        machine.console.on_line(screen.offer, replay=replay)

    def wait() -> None:
        try:
            ending: Ending | VisorbenchError = end()
        except VisorbenchError as error:
            ending = error
        machine.console.settle(_SETTLE_S)  # who waits is told before who listens
        spoken.put(ending)

    threading.Thread(target=wait, name="boot-watch", daemon=True).start()
    while True:
        said = spoken.get()
        if isinstance(said, VisorbenchError):
            raise said
        if isinstance(said, Ending):
            if screen:
                screen.finish(said.line)
            return said
        if screen:
            screen.show(said)


def _ending(machine: Machine, pattern: str | None, timeout_s: float) -> Ending:
    guest = machine.spec.guest
    if pattern is None and (guest.ready_port or guest.ready_marker):
        stamp = machine.wait_for(Phase.GUEST_READY, timeout_s)
        return Ending("ready", f"ready after {(stamp.at_ns - machine.timeline.spawn.at_ns) / 1e9:.3f} s")
    try:
        line = machine.console.wait_for(pattern or _NEVER, timeout_s)
    except NotSeen:
        if pattern is None:
            return Ending("timeout", f"ended after {timeout_s:g} s, as asked")
        console = machine.console.tail()
        raise BootTimeout(
            f"{machine.name} did not say {pattern!r} within {timeout_s:g} s",
            fix="allow more time with --timeout, or correct the regex", console=console,
        ) from None  # fmt: skip
    except ChannelClosed:
        return _powered_off(machine, pattern)
    seconds = (line.stamp.at_ns - machine.timeline.spawn.at_ns) / 1e9
    return Ending("marker", f"{line.text.strip()!r} after {seconds:.3f} s", line)


def _off(machine: Machine) -> Ending:
    while True:
        try:
            machine.console.wait_for(_NEVER, _LONG_S)
        except NotSeen:
            continue
        except ChannelClosed:
            return _powered_off(machine, None)


def _powered_off(machine: Machine, pattern: str | None) -> Ending:
    if machine.state is not State.STOPPED:
        machine.pause()  # raises how the machine died
    if pattern is None:
        return Ending("off", "its guest powered off")
    raise MachineError(
        f"{machine.name} powered off before it said {pattern!r}", fix="correct the regex, or leave it out",
        console=machine.console.tail(),
    )  # fmt: skip


class _Screen:
    """Prints lines and, between them, the phases as they are reached."""

    def __init__(self, machine: Machine, spoken: queue.Queue[Line | Ending | VisorbenchError]) -> None:
        self._machine = machine
        self._spoken = spoken
        self._shown: set[Phase] = set()
        self._left_out = 0
        self._last = ""

    def offer(self, line: Line) -> None:
        """From the console's reader: never waits for the terminal."""
        if self._spoken.qsize() >= _QUEUED:
            self._left_out += 1
            return
        if self._left_out:
            self._spoken.put(Line(f"… {counted(self._left_out, 'line')} not shown …", line.stamp))
            self._left_out = 0
        self._spoken.put(line)

    def show(self, line: Line) -> None:
        self.phases(line.stamp.at_ns)
        self._last = line.text
        click.echo(f"{self._seconds(line.stamp.at_ns):9.3f}  {line.text}")

    def finish(self, line: Line | None) -> None:
        """What is left when every line was shown: how many were not, the one waited for if it has not ended, and
        the last phases.
        """
        if self._left_out:
            click.echo(f"{'':>9}  … {counted(self._left_out, 'line')} not shown …")
        elif line and not self._last.startswith(line.text):
            self.show(line)
        self.phases(time.monotonic_ns())

    def phases(self, until_ns: int) -> None:
        """Those reached until then that have not been shown."""
        for phase, stamp in self._machine.timeline.phases.items():
            if phase not in self._shown and phase in _PHASES and stamp.at_ns <= until_ns:
                self._shown.add(phase)
                click.secho(f"{self._seconds(stamp.at_ns):9.3f}  ── {phase.value}", fg="cyan")

    def _seconds(self, at_ns: int) -> float:
        return (at_ns - self._machine.timeline.spawn.at_ns) / 1e9
