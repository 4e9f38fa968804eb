"""A boot is told whole: what the console says late is in the timeline, whichever channel was faster."""

import socket
import sys
import threading
from pathlib import Path

import pytest

from harness.channels.console import Console
from harness.channels.events import EventPort
from harness.channels.stamp import Stamp
from harness.guests.model import INIT_MARKER, Arch, GuestImage
from harness.host.processes import spawn
from harness.machines.boot import BootWatch
from harness.machines.milestones import Milestones
from harness.machines.model import Phase


class Boot:
    """A process with a console and a ready port of which the test holds the guest's ends."""

    logs = Path()

    def __init__(self) -> None:
        self.process = spawn([sys.executable, "-c", "import time; time.sleep(600)"], purpose="a boot")
        self.console_end, console = socket.socketpair()
        self.ready_end, ready = socket.socketpair()
        self.console, self.ready = Console(console), EventPort(ready)
        self.milestones = Milestones()
        self.milestones.begin(Stamp(self.process.spawned_ns))
        guest = GuestImage(name="late", arch=Arch.X86_64, disk=Path("none"), init_marker=INIT_MARKER)
        self.watch = BootWatch(self, guest, self.milestones, self.failure, "late")

    def read_on(self) -> str:
        return "read on"

    def failure(self):
        raise AssertionError("the machine has not failed")

    def says_when_ready(self, *words: bytes) -> threading.Thread:
        """Say ``words`` on the console once the harness knows that the guest is ready, and not before."""

        def speak() -> None:
            assert self.milestones.wait(Phase.GUEST_READY, 60)
            for each in words:
                self.console_end.sendall(each)

        thread = threading.Thread(target=speak)
        thread.start()
        return thread

    def until_ready(self) -> list[Phase]:
        self.watch.wait(Phase.GUEST_READY, 60, None, asked_s=60)
        return list(self.milestones.timeline.phases)

    def close(self) -> None:
        self.process.end()
        for each in (self.console, self.ready, self.console_end, self.ready_end):
            each.close()


@pytest.fixture
def boot():
    one = Boot()
    yield one
    one.close()


def test_a_console_that_is_slower_than_the_ready_port_is_waited_for(boot):
    late = boot.says_when_ready(b"[    0.1] Linux\r\nvisorbench: ", b"init\r\n")
    boot.ready_end.sendall(b"ready\n")
    assert boot.until_ready() == [Phase.FIRST_CONSOLE, Phase.INIT, Phase.GUEST_READY]
    stamps = boot.milestones.timeline.phases
    assert stamps[Phase.GUEST_READY].at_ns < stamps[Phase.FIRST_CONSOLE].at_ns <= stamps[Phase.INIT].at_ns
    late.join()


def test_after_a_reset_too_and_what_the_boot_before_said_does_not_count(boot):
    boot.console_end.sendall(b"visorbench: init\r\n")
    boot.ready_end.sendall(b"ready\n")
    first = boot.until_ready()
    boot.watch.again()
    boot.milestones.forget()
    boot.milestones.begin(Stamp(boot.watch.since_ns))
    late = boot.says_when_ready(b"SeaBIOS\r\n", b"visorbench: init\r\n")
    boot.ready_end.sendall(b"ready\n")
    assert boot.until_ready() == first
    late.join()


def test_a_console_that_closes_keeps_nobody_waiting(boot):
    boot.console_end.close()
    boot.ready_end.sendall(b"ready\n")
    assert boot.until_ready() == [Phase.GUEST_READY]
