"""Watching a guest boot: which channel tells which phase, and waits that end when the machine does."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from harness.channels.stamp import Stamp
from harness.errors import (
    BootTimeout,
    ChannelClosed,
    ChannelError,
    GuestSilent,
    InvalidConfiguration,
    MachineError,
    NotSeen,
)
from harness.machines.model import Phase

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.channels.console import Console
    from harness.channels.events import EventPort
    from harness.channels.pattern import Line
    from harness.channels.ssh import Ssh
    from harness.guests.model import GuestImage
    from harness.host.processes import OwnedProcess
    from harness.machines.milestones import Milestones

EXIT_WAIT_S = 10
"""How long a VMM whose channels have closed may take to be gone."""
CONSOLE_LAG_S = 10
"""How much later than on its port a guest may be heard on its console: what a program prints waits for the guest's
UART, and then for a thread of a loaded host. Waited in full only for a guest that does not say what it promises."""
CHECKED_EVERY_S = 1
"""Who waits for the console hears this late that the guest stands still; the console's stamps are no later for it."""
_READY = (Phase.GUEST_READY, Phase.SSH_BANNER, Phase.FIRST_COMMAND)
"""Phases that a guest reaches after everything that its console tells of a boot."""


class Watched(Protocol):
    """What a boot is seen through: a VMM of any backend."""

    @property
    def process(self) -> OwnedProcess: ...
    @property
    def console(self) -> Console: ...
    @property
    def ready(self) -> EventPort | None:
        """Where the guest says that it is ready; None: on its console."""
        ...

    @property
    def logs(self) -> Path: ...
    def read_on(self) -> str:
        """What a user does who wants to know more."""
        ...


class BootWatch:
    """Fills in the milestones of one machine from its channels."""

    def __init__(
        self,
        vmm: Watched,
        guest: GuestImage,
        milestones: Milestones,
        failure: Callable[[], MachineError],
        name: str,
    ) -> None:
        self._vmm = vmm
        self._guest = guest
        self._milestones = milestones
        self._failure = failure
        self._name = name
        self._since = 0
        self.since_ns = 0
        """``time.monotonic_ns()`` of the last reset: a panic before it was another boot's."""
        self._markers = {
            phase: re.compile(marker)
            for phase, marker in ((Phase.INIT, guest.init_marker), (Phase.GUEST_READY, self._ready_marker()))
            if marker
        }
        vmm.console.on_line(self._on_line)
        vmm.console.on_panic(self._on_panic)
        if vmm.ready:
            vmm.ready.on_event(lambda line: milestones.reach(Phase.GUEST_READY, line.stamp))
        vmm.process.on_exit(lambda _: milestones.end(failure))

    def again(self) -> None:
        """The machine is about to be reset: what the console has said until now is another boot's."""
        self._since, self.since_ns = self._vmm.console.cut(), time.monotonic_ns()

    def wait(self, phase: Phase, timeout_s: float, ssh: Callable[[], Ssh], *, asked_s: float) -> Stamp:
        """When ``phase`` was reached, every phase before it being told too; this may return a little later than that.

        ``asked_s`` is the timeout that an error names, ``ssh`` gives the client. Raises BootTimeout, GuestPanicked,
        MachineDied, InvalidConfiguration.
        """
        if phase in (Phase.SSH_BANNER, Phase.FIRST_COMMAND):
            stamp = self._over_ssh(phase, time.monotonic() + timeout_s, asked_s, ssh)
        else:
            stamp = self._reached(phase, timeout_s, asked_s)
        self._fill_in(phase)
        return stamp

    def _reached(self, phase: Phase, timeout_s: float, asked_s: float) -> Stamp:
        stamp = self._seen(phase, timeout_s)
        if stamp is None:
            raise timeout(self._vmm, self._name, phase, asked_s)
        self._milestones.reach(phase, stamp)
        return stamp

    def _fill_in(self, reached: Phase) -> None:
        """What the console said on the way: other channels are faster, and so are those who wait than listeners."""
        console = self._vmm.console
        if reached in _READY and (init := self._markers.get(Phase.INIT)):
            with suppress(ChannelError, MachineError):
                if self._milestones.wait(Phase.INIT, 0) is None:
                    line = console.wait_for(init, CONSOLE_LAG_S, since=self._since)
                    self._milestones.reach(Phase.INIT, line.stamp)
        if self._since:
            console.settle(CONSOLE_LAG_S)
        elif first := console.first_byte:
            self._milestones.reach(Phase.FIRST_CONSOLE, first)

    def _ready_marker(self) -> str | None:
        """The console stands in only where the guest has no port to say it on."""
        return None if self._vmm.ready else self._guest.ready_marker

    def _seen(self, phase: Phase, timeout_s: float) -> Stamp | None:
        if phase is Phase.VMM_READY or (phase is Phase.GUEST_READY and self._vmm.ready):
            return self._milestones.wait(phase, timeout_s)
        if phase is Phase.FIRST_CONSOLE:
            pattern: str | re.Pattern[str] = "."
        elif phase in self._markers:
            pattern = self._markers[phase]
        else:
            raise InvalidConfiguration(
                f"guest {self._guest.name} never says that it reached {phase}",
                fix="give it a marker that its console shows, or wait for another phase",
            )
        known = self._milestones.wait(phase, 0)
        return known or self._on_console(phase, pattern, timeout_s)

    def _on_console(self, phase: Phase, pattern: str | re.Pattern[str], timeout_s: float) -> Stamp | None:
        """The console's own search: in a flood, its listeners do not get every line."""
        console, deadline = self._vmm.console, time.monotonic() + timeout_s
        try:
            if phase is Phase.FIRST_CONSOLE and not self._since:
                return console.wait_first_byte(timeout_s)
            while True:
                left_s = max(0.0, deadline - time.monotonic())
                with suppress(NotSeen):
                    return console.wait_for(pattern, min(left_s, CHECKED_EVERY_S), since=self._since).stamp
                self._milestones.check()
                if left_s <= CHECKED_EVERY_S:
                    return None
        except NotSeen:
            return None
        except ChannelClosed:
            with suppress(TimeoutError):
                self._vmm.process.wait(EXIT_WAIT_S)
            raise self._failure() from None

    def _over_ssh(self, phase: Phase, deadline: float, asked_s: float, ssh: Callable[[], Ssh]) -> Stamp:
        if done := self._milestones.wait(phase, 0):
            return done
        client = ssh()
        if self._vmm.ready or Phase.GUEST_READY in self._markers:
            self._reached(Phase.GUEST_READY, max(0.0, deadline - time.monotonic()), asked_s)
        banner = self._milestones.wait(Phase.SSH_BANNER, 0)
        if banner is None:
            try:
                banner = client.wait_banner(max(0.0, deadline - time.monotonic()))
            except GuestSilent as error:
                raise timeout(self._vmm, self._name, Phase.SSH_BANNER, asked_s) from error
        self._milestones.reach(Phase.SSH_BANNER, banner)
        if phase is Phase.SSH_BANNER:
            return banner
        try:
            client.run("true", timeout_s=max(0.1, deadline - time.monotonic()))
        except (ChannelError, GuestSilent) as error:
            self._milestones.check()
            if time.monotonic() < deadline:
                raise
            raise timeout(self._vmm, self._name, Phase.FIRST_COMMAND, asked_s) from error
        done = Stamp(time.monotonic_ns())
        self._milestones.reach(Phase.FIRST_COMMAND, done)
        return done

    def _on_panic(self, line: Line) -> None:
        if line.stamp.at_ns >= self.since_ns:  # its listeners may be called after the reset
            self._milestones.end(self._failure)

    def _on_line(self, line: Line) -> None:
        first = None if self._since else self._vmm.console.first_byte
        self._milestones.reach(Phase.FIRST_CONSOLE, first or line.stamp)
        for phase, marker in self._markers.items():
            if marker.search(line.text):
                self._milestones.reach(phase, line.stamp)


def timeout(vmm: Watched, name: str, phase: Phase, timeout_s: float) -> BootTimeout:
    """The guest did not reach ``phase``; names the last thing it said."""
    console = vmm.console.tail()
    last = f"the last line of its console is {console[-1]!r}" if console else "its console is empty"
    return BootTimeout(
        f"{name} did not reach {phase} within {timeout_s:g} s, and {last}",
        fix=f"allow more time, or {vmm.read_on()}",
        phase=phase,
        timeout_s=timeout_s,
        console=console,
        log=vmm.logs / "console.log",
        logs=vmm.logs,
    )
