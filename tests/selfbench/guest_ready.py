"""Time to the ready event of the guest tiny ÷ to the line of the same kernel with a bare ``/init`` that prints it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.guests.catalogue import ensure_built
from harness.guests.image.cpio import pack
from harness.guests.image.entry import file
from harness.guests.model import READY_MARKER, Arch, GuestImage
from harness.guests.toolchain import find_compiler, guest_target
from harness.machines.catalogue import get
from harness.machines.model import GpuMode, MachineSpec, Phase
from tests.selfbench.pairs import measured_in_turns
from tests.selfbench.result import Result

LIMIT = 1.15
PAIRS = (16, 60)
"""At least and at most."""

BARE_INIT = f"""
#include <unistd.h>
int main(void) {{ write(1, "{READY_MARKER}\\n", {len(READY_MARKER) + 1}); for (;;) pause(); }}
"""


def run() -> Result:
    """The worse of both architectures' ratios."""
    found = {arch.value: compared("tiny", arch, LIMIT, PAIRS) for arch in Arch}
    return Result("guest_ready", max(each["ratio"] for each in found.values()), "ratio", LIMIT, found)


def compared(
    name: str, arch: Arch, limit: float, count: tuple[int, int], gpu: GpuMode = GpuMode.NONE
) -> dict[str, Any]:
    """A guest and its kernel with the bare init in turns: seconds to ready of each, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        guest = ensure_built(name, arch)
        bare = _bare(guest, Path(folder))
        pairs = measured_in_turns(lambda: _ready_s(guest, gpu), lambda: _ready_s(bare, gpu), [limit], count)
    return pairs.to_detail(f"{name}_s", "bare_s")


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
