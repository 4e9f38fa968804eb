"""Time to the ready event of the guest tiny ÷ to the line of the same kernel with a bare ``/init`` that prints it."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from harness.guests.catalogue import ensure_built
from harness.guests.image.cpio import pack
from harness.guests.image.entry import file
from harness.guests.model import READY_MARKER, Arch, GuestImage
from harness.guests.toolchain import find_compiler, guest_target
from harness.machines.catalogue import get
from harness.machines.model import GpuMode, MachineSpec, Phase
from tests.selfbench.ratio import typical_ratio
from tests.selfbench.result import Result

LIMIT = 1.15
PAIRS = 16

BARE_INIT = f"""
#include <unistd.h>
int main(void) {{ write(1, "{READY_MARKER}\\n", {len(READY_MARKER) + 1}); for (;;) pause(); }}
"""


def run() -> Result:
    """The worse of both architectures' ratios."""
    found = {arch.value: compared("tiny", arch, PAIRS) for arch in Arch}
    worst = max(each["ratio"] for each in found.values())
    return Result("guest_ready", worst, "ratio", LIMIT, {"pairs": PAIRS, **found})


def compared(name: str, arch: Arch, pairs: int, gpu: GpuMode = GpuMode.NONE) -> dict[str, float]:
    """A guest and its kernel with the bare init in turns: their median seconds to ready, and their typical ratio."""
    with tempfile.TemporaryDirectory() as folder:
        guest = ensure_built(name, arch)
        guests = {name: guest, "bare": _bare(guest, Path(folder))}
        seconds: dict[str, list[float]] = {each: [] for each in guests}
        for pair in range(pairs):
            for each in guests if pair % 2 else reversed(guests):
                seconds[each].append(_ready_s(guests[each], gpu))
    medians = {each: round(statistics.median(values), 3) for each, values in seconds.items()}
    return {**medians, "ratio": round(typical_ratio(seconds[name], seconds["bare"]), 4)}


def _bare(guest: GuestImage, folder: Path) -> GuestImage:
    source = folder / "init.c"
    source.write_text(BARE_INIT)
    target = guest_target(guest.arch)
    find_compiler().compile(folder, [source.name], folder / "init", target, ["-Os", "-static"])
    initrd = folder / "initrd"
    initrd.write_bytes(pack([file("init", (folder / "init").read_bytes(), 0o755)]))
    return replace(guest, name="bare", initrd=initrd, takes_credentials=False)


def _ready_s(guest: GuestImage, gpu: GpuMode) -> float:
    """Both on the same machine, its unused devices included; the bare guest has only the console to say it."""
    with get("tcg").machine(MachineSpec(guest=guest, gpu=gpu)) as machine:
        if guest.name != "bare":
            return machine.boot(until=Phase.GUEST_READY).seconds(Phase.GUEST_READY)
        machine.start()
        line = machine.console.wait_for(READY_MARKER, timeout_s=120)
        return (line.stamp.at_ns - machine.timeline.spawn.at_ns) / 1e9
