"""The display scenario: a guest that draws, and every way to take its frames, in turns with nothing attached."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

from harness.display.dbus import DbusDisplay
from harness.display.frame import BYTES_A_PIXEL
from harness.display.ivshmem import SharedMemoryDisplay
from harness.display.screendump import Screendump
from harness.display.vnc import VncDisplay
from harness.display.watching import Watched, watch
from harness.errors import FramesWrong
from harness.host.paths import private_directory
from harness.machines.guest_ivshmem import guest_memory
from harness.machines.model import Phase
from harness.machines.pattern import Pattern, options
from harness.machines.qemu.ivshmem import offers_ivshmem
from harness.machines.qemu.machine import QemuMachine
from harness.machines.runner import SshRunner
from harness.machines.usage import usage
from harness.plugin.skips import skip_scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.config.model import Profile
    from harness.display.frame import FrameSource
    from harness.display.pattern_report import PatternReport
    from harness.plugin.fixtures import MachineFactory
    from harness.plugin.measure import Measure

    Size = tuple[int, int]

BOOT_TIMEOUT_S = 300
UNATTACHED = "unattached"


class Way(NamedTuple):
    """A way to take frames; ``open`` None: nobody looks. ``shared``: the guest draws into its ivshmem device."""

    name: str
    open: Callable[[QemuMachine, Path], FrameSource] | None = None
    loses_parts: bool = False
    """QEMU's VNC server forgets what it has not sent yet when the guest flips a page, and such a part of the picture
    stays old until it changes again: the numbers of frames may go backwards. (ui/vnc.c: vnc_dpy_switch ends the jobs
    of clients, whose rectangles are no longer marked as dirty.) Any other way's that do have failed."""
    shared: bool = False


WAYS = (
    Way(UNATTACHED),
    Way("scanout-map", lambda machine, _: DbusDisplay.open(machine.control.qmp)),
    Way("dbus-data", lambda machine, _: DbusDisplay.open(machine.control.qmp, mapped=False)),
    Way("vnc", lambda machine, _: VncDisplay.open(machine.control.qmp), loses_parts=True),
    Way("screendump", lambda machine, folder: Screendump(machine.control.qmp, folder)),
    Way(
        "ivshmem",
        lambda machine, _: SharedMemoryDisplay(machine.shared_memory, lambda: machine.ended),
        shared=True,
    ),
)


@dataclass(frozen=True, slots=True)
class DrawingGuest:
    """A booted guest with a display of ``size`` and the pattern in it.

    ``shared``: the file in which it finds its ivshmem device's memory, None without one.
    """

    machine: QemuMachine
    pattern: Pattern
    size: Size
    shared: str | None = None


@contextmanager
def drawing_guest(
    machine_factory: MachineFactory, size: Size, *, vsock: bool = False, ivshmem: bool = False, **extra: str
) -> Iterator[DrawingGuest]:
    """Boot one, with an ivshmem device where QEMU has that; skips by name where displays cannot be looked at."""
    options = {"display": "dbus,p2p=yes", "vnc": "on", "size": f"{size[0]}x{size[1]}", **extra}
    machine = machine_factory(gpu="2d", vsock=vsock, extra=tuple(options.items()))
    if not isinstance(machine, QemuMachine):
        skip_scenario("no-frames", "frames are taken out of QEMU's machines only", "use tcg, kvm or hvf")
    features = machine.config.features
    if features and not features.dbus_display:
        skip_scenario(
            "no-dbus-display", f"{machine.config.binary} has no D-Bus display",
            "`visorbench runtime install` brings a QEMU that has it",
        )  # fmt: skip
    if ivshmem and offers_ivshmem(machine.config):
        options["ivshmem"] = str(_pages_mib(size))
        machine = cast("QemuMachine", machine_factory(gpu="2d", vsock=vsock, extra=tuple(options.items())))
    with machine:
        machine.boot(until=Phase.FIRST_COMMAND, timeout_s=BOOT_TIMEOUT_S)
        shared = guest_memory(machine) if machine.config.ivshmem else None
        yield DrawingGuest(machine, Pattern.prepare(SshRunner.of(machine)), size, shared)


def _pages_mib(size: Size) -> int:
    """A power of two in which three pages have room, and what is said about them."""
    mib = 3 * BYTES_A_PIXEL * size[0] * size[1] >> 20
    return 1 << (mib + 1).bit_length()


@dataclass(frozen=True, slots=True)
class Taken:
    """One repetition: what the guest drew, what was seen of it, and the processor time of QEMU and of the harness."""

    report: PatternReport
    seen: Watched | None
    cpu_s: float


def take(guest: DrawingGuest, way: Way, folder: Path, words: Sequence[str]) -> Taken:
    """Have the guest draw while its frames are taken. Raises FramesWrong for none, or a wrong order."""
    before = usage(guest.machine.pids).cpu_s + time.process_time()
    source = way.open(guest.machine, folder) if way.open else None
    if way.shared:
        words = [*words, f"--shared={guest.shared}", f"--size={guest.size[0]}x{guest.size[1]}"]
    seen = None
    try:
        drawing = guest.pattern.start(*words)
        if source:
            seen = watch(source, lambda: drawing.going_on)
        report = drawing.report()
    finally:
        if source:
            source.close()
    cpu_s = usage(guest.machine.pids).cpu_s + time.process_time() - before
    if seen and seen.backwards and not way.loses_parts:
        raise FramesWrong(f"{way.name}: frames came in another order than they were drawn in")
    if seen and not seen.numbers:
        raise FramesWrong(f"{way.name}: {report.frames} frames were drawn, and none was seen")
    return Taken(report, seen, cpu_s)


def take_in_turns(
    guest: DrawingGuest, measure: Measure, profile: Profile, entrants: dict[str, Measure]
) -> None:
    """Every way, with the whole picture changing and with a band of it, as fast as pages flip."""
    ways = [way for way in WAYS if guest.shared or not way.shared]
    for way in WAYS:
        if way not in ways and guest.size == profile.frame_sizes[0]:
            entrants[way.name].leave_out(
                code="no-ivshmem", reason=f"{guest.machine.config.binary} has no ivshmem device",
                fix="take a QEMU for Linux that has it",
            )  # fmt: skip
    with private_directory() as folder:
        for number in measure.rounds(profile.frame_rounds):
            for small in (False, True):
                group = f"{guest.size[0]}x{guest.size[1]}-{'small' if small else 'full'}-damage"
                for way in measure.turns(number, *ways):
                    words = options(seconds=profile.frame_seconds, small=small)
                    taken = take(guest, way, folder, words)
                    record(entrants[way.name], group, taken)
                    if taken.seen and not small:  # a band at the top says nothing of the picture's other end
                        record_wrong(entrants[way.name], group, taken.seen)


def entrants(measure: Measure) -> dict[str, Measure]:
    """A subject for each way, compared with the guest that nobody looks at."""
    alone = measure.variant(UNATTACHED, config={"gpu": "2d"})
    others = [way.name for way in WAYS if way.open]
    return {UNATTACHED: alone} | {
        name: measure.variant(name, config={"gpu": "2d"}, against=alone) for name in others
    }


def record(measure: Measure, group: str, taken: Taken) -> None:
    """The metrics of one repetition."""
    report, seen = taken.report, taken.seen
    measure.record(
        f"{group}/guest-fps", report.fps, unit="frames/s", better="higher",
        definition="frames that the guest drew ÷ time; the share is of the same guest with nothing attached",
    )  # fmt: skip
    measure.record(
        f"{group}/host-cpu-per-frame", taken.cpu_s / report.frames, unit="s", better="lower",
        definition="processor time of QEMU, the guest's drawing included, and of what takes the frames ÷ frames drawn",
    )  # fmt: skip
    if seen is None:
        return
    measure.record(
        f"{group}/frames-seen", seen.different / report.frames * 100, unit="%", better="higher",
        definition="frames that were taken out ÷ frames that the guest drew",
    )  # fmt: skip
    measure.record(
        f"{group}/taking-cpu-per-frame", seen.cpu_s / len(seen.bytes_copied), unit="s", better="lower",
        definition="processor time of the thread that takes frames ÷ frames taken",
    )  # fmt: skip
    measure.record(
        f"{group}/bytes-copied-per-frame", sum(seen.bytes_copied) / len(seen.bytes_copied), unit="B", better="lower",
        definition="bytes of pixels moved until a frame could be read here, each once for every move",
    )  # fmt: skip


def record_wrong(measure: Measure, group: str, seen: Watched) -> None:
    """What a viewer would see go wrong."""
    measure.record(
        f"{group}/torn-frames", seen.torn, unit="frames", better="lower",
        definition="frames whose top and bottom were of two",
    )  # fmt: skip
    measure.record(
        f"{group}/stale-frames", seen.backwards, unit="frames", better="lower",
        definition="frames that say a lower number than the one before: a part of the picture was not sent",
    )  # fmt: skip
