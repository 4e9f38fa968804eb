"""Time to the ready event of the guest tiny ÷ to the line of the same kernel with a bare ``/init`` that prints it."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from harness.guests.catalogue import ensure_built
from harness.guests.image.cpio import file, pack
from harness.guests.model import READY_MARKER, Arch, GuestImage
from harness.guests.toolchain import find_compiler, guest_target
from harness.machines.catalogue import get
from harness.machines.model import MachineSpec, Phase
from tests.selfbench.result import Result

LIMIT = 1.15
PAIRS = 6

BARE_INIT = f"""
#include <unistd.h>
int main(void) {{ write(1, "{READY_MARKER}\\n", {len(READY_MARKER) + 1}); for (;;) pause(); }}
"""


def run() -> Result:
    """The worse of both architectures' ratios, each of the medians of PAIRS interleaved pairs."""
    detail: dict[str, object] = {"pairs": PAIRS}
    ratios = []
    for arch in Arch:
        with tempfile.TemporaryDirectory() as folder:
            tiny = ensure_built("tiny", arch)
            guests = {"tiny": tiny, "bare": _bare(tiny, Path(folder))}
            seconds: dict[str, list[float]] = {"tiny": [], "bare": []}
            for pair in range(PAIRS):
                for name in ("tiny", "bare") if pair % 2 else ("bare", "tiny"):
                    seconds[name].append(_ready_s(guests[name]))
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        ratios.append(medians["tiny"] / medians["bare"])
        detail[arch.value] = {name: round(value, 3) for name, value in medians.items()}
    return Result("guest_ready", max(ratios), "ratio", LIMIT, detail)


def _bare(tiny: GuestImage, folder: Path) -> GuestImage:
    source = folder / "init.c"
    source.write_text(BARE_INIT)
    target = guest_target(tiny.arch)
    find_compiler().compile(folder, [source.name], folder / "init", target, ["-Os", "-static"])
    initrd = folder / "initrd"
    initrd.write_bytes(pack([file("init", (folder / "init").read_bytes(), 0o755)]))
    return replace(tiny, name="bare", initrd=initrd, takes_credentials=False)


def _ready_s(guest: GuestImage) -> float:
    """Both on the same machine, its unused devices included; the bare guest has only the console to say it."""
    with get("tcg").machine(MachineSpec(guest=guest)) as machine:
        if guest.name != "bare":
            return machine.boot(until=Phase.GUEST_READY).seconds(Phase.GUEST_READY)
        machine.start()
        line = machine.console.wait_for(READY_MARKER, timeout_s=120)
        return (line.stamp.at_ns - machine.timeline.spawn.at_ns) / 1e9
