"""A guest with a display and the pattern in it, for benchmarks of what takes its frames."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.guests.catalogue import ensure_built
from harness.guests.model import Arch
from harness.machines.catalogue import get
from harness.machines.model import GpuMode, MachineSpec
from harness.plugin import display_contest
from harness.runtimes.choice import gpu_qemu_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.machines.model import Machine
    from harness.plugin.display_contest import DrawingGuest


@contextmanager
def drawing_guest(size: tuple[int, int], *, vsock: bool = False) -> Iterator[DrawingGuest]:
    """The guest gpu on TCG, booted, with a display of ``size``."""
    image = ensure_built("gpu", Arch.X86_64)
    qemu = gpu_qemu_folder(None, Arch.X86_64.value)

    def factory(**options: Any) -> Machine:
        """As the plugin's fixture of this name."""
        spec = MachineSpec(
            image, gpu=GpuMode(options["gpu"]), vsock=options["vsock"], extra=dict(options["extra"])
        )
        return get("tcg", qemu=qemu).machine(spec)

    with display_contest.drawing_guest(factory, size, vsock=vsock) as guest:
        yield guest
