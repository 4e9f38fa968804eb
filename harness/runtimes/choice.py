"""Which QEMU a user means: the host's, that of the managed runtime, or that of a tree of the user's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HostLacks, InvalidConfiguration, UnknownName, nearest
from harness.host.qemu import choose, find_qemus
from harness.runtimes import catalogue
from harness.runtimes.model import LAUNCHERS, read
from harness.runtimes.ways import way_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.runtimes.model import Runtime

SYSTEM = "system"
"""The host's own QEMU, whatever it lacks."""
MANAGED = "managed"
"""The runtime ``gpu``, installed when it is not."""
RENDER_SERVERS = (
    "/usr/libexec/virgl_render_server",
    "/usr/lib/virgl_render_server",
    "/usr/local/libexec/virgl_render_server",
)
"""Where distributions put what Venus renders in; without it QEMU offers Venus, and guests silently find none."""


def qemu_folder(
    choice: str | None,
    *,
    qemu: Path | None = None,
    provide: Callable[[str], Runtime] | None = None,
) -> Path | None:
    """What to hand on as ``--qemu PATH`` for a ``--runtime``: ``system``, ``managed``, a folder, or None, not given.

    ``qemu`` is what the user named with --qemu, and comes back when no runtime is chosen. Raises UnknownName for a
    word like those two, InvalidConfiguration for both at once and for a folder that is no runtime, HostLacks for one
    that does not run here, and what ``provide`` raises, which gives the managed one:
    :func:`harness.runtimes.catalogue.ensure` where nothing else is named, which installs it.
    """
    if choice in (None, SYSTEM):
        return qemu
    if qemu is not None:
        raise InvalidConfiguration(
            f"both a QEMU ({qemu}) and a runtime ({choice}) are named", fix="name the one or the other"
        )
    if choice == MANAGED:
        runtime = (provide or catalogue.ensure)(catalogue.GPU)
        return runtime.programs(way_for(runtime))
    folder = Path(choice or "").expanduser().absolute()
    if folder.parent.name == LAUNCHERS:  # one of its two ways, by name
        read(folder.parents[1])
        return folder
    if folder.parent == Path.cwd() and not folder.exists() and nearest(folder.name, (SYSTEM, MANAGED)):
        raise UnknownName("runtime", folder.name, (SYSTEM, MANAGED))
    runtime = read(folder)
    return runtime.programs(way_for(runtime))


def gpu_qemu_folder(
    choice: str | None,
    arch: str,
    *,
    qemu: Path | None = None,
    provide: Callable[[str], Runtime] | None = None,
) -> Path | None:
    """As :func:`qemu_folder`, for a guest of ``arch`` with a GPU: where the user chose nothing, the managed runtime
    when the host's QEMU has no Venus, and None, the host's own, when it has or where no runtime can be installed.
    """
    if choice is not None or qemu is not None or gpu_lack(arch) is None:
        return qemu_folder(choice, qemu=qemu, provide=provide)
    try:
        return qemu_folder(MANAGED, provide=provide)
    except HostLacks:
        if catalogue.possible_here():
            raise
        return None


def gpu_lack(arch: str) -> str | None:
    """What the host's QEMU for guests of ``arch`` lacks for virgl and Venus, in words; None when it has them."""
    try:
        found = choose(find_qemus(), arch)
    except HostLacks as error:
        return error.message
    if not found.features.virtio_gpu_gl:
        return f"{found.path} has no virtio-gpu-gl"
    if not found.features.venus:
        return f"{found.path} has no Venus (QEMU 9.2 is the first that has)"
    if sys.platform == "linux" and not any(map(Path.is_file, map(Path, RENDER_SERVERS))):
        return f"{found.path} has Venus, and this host no virgl_render_server to render it"
    return None
