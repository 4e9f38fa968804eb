"""From a GPU mode to QEMU's device, and to the display that renders for it: the first that works, found by trying.

Measured without /dev/dri and without X (QEMU 10.0): ``sdl,gl=on`` with ``SDL_VIDEODRIVER=offscreen`` works;
``egl-headless`` and ``dbus`` want a render node; ``none`` and a gtk without a window system have no OpenGL.
"""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import GpuUnavailable, InvalidConfiguration, UnknownName
from harness.host.paths import private_directory
from harness.host.transcript import transcribe
from harness.machines.model import GpuMode, GpuProbe
from harness.machines.qemu import defaults
from harness.machines.qemu.command import build
from harness.machines.qemu.config import QemuConfig
from harness.machines.qemu.devices import Stdio
from harness.machines.qemu.graphics import Display, Gl, Gpu
from harness.machines.qemu.graphics_checks import NEWER, check_features

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.guests.model import Arch
    from harness.host.qemu import QemuBinary

HOSTMEM_MIB = 256
RENDER_NODES = Path("/dev/dri")
GPUS = {
    GpuMode.TWO_D: Gpu(),
    # Shared memory as Venus has it: what this mode lacks is venus alone, so that a Vulkan adapter of the
    # virtio driver in it would prove that telling the two apart does not work.
    GpuMode.VIRGL: Gpu(gl=True, hostmem_mib=HOSTMEM_MIB, blob=True),
    GpuMode.VENUS: Gpu(gl=True, hostmem_mib=HOSTMEM_MIB, blob=True, venus=True),
}
PROBE_DEADLINE_S = 3
"""For one display, where somebody waits for the answer; where a host's QEMU hangs on one, the others get half of that
together."""
PATIENCE_S = 30
"""For one display of a QEMU that is to run a guest: a busy host is no reason to go without."""
_QMP = (b'{"execute":"qmp_capabilities"}\n', b'{"execute":"query-status","id":"up"}\n')
_UP = re.compile(rb'"id": *"up"[^\n]*\n')
_NOT_UP = "it did not come up"
_NO_RENDER_NODE = re.compile(r"no drm render node|render node init failed", re.IGNORECASE)
_NO_GL = re.compile(r"OpenGL (is )?(not supported|support)|no OpenGL", re.IGNORECASE)


@dataclass(frozen=True)
class Surface:
    """A display, and the environment without which it does not come up."""

    display: Display
    environment: Mapping[str, str] = field(default_factory=dict)


def candidates() -> Iterator[Surface]:
    """What may render for a GPU here, in order of preference: what needs no window first."""
    if any(RENDER_NODES.glob("renderD*")):
        yield Surface(Display("egl-headless"))
    yield Surface(Display("sdl", Gl.ON), {"SDL_VIDEODRIVER": "offscreen"})
    if sys.platform == "darwin":
        yield Surface(Display("cocoa", Gl.ES))
        yield Surface(Display("sdl", Gl.ON))
    elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        yield Surface(Display("gtk", Gl.ON))
    yield Surface(Display("egl-headless"))  # last, for what it complains about


def surface_for(mode: GpuMode, arch: Arch, qemu: QemuBinary) -> Surface:
    """What renders for ``mode`` in this QEMU; raises GpuUnavailable."""
    if mode in (GpuMode.NONE, GpuMode.TWO_D):
        return Surface(Display("none"))
    found = _tried(mode, arch, qemu, PATIENCE_S)
    if isinstance(found, GpuProbe):
        raise GpuUnavailable(found.reason, fix=found.fix, code=found.code)
    return found


def probe(mode: GpuMode, arch: Arch, qemu: QemuBinary, *, deadline_s: float = PATIENCE_S) -> GpuProbe:
    """Start this QEMU paused with the mode's GPU, on one display after the other until one comes up."""
    if mode is GpuMode.NONE:
        return GpuProbe(mode, arch, usable=True)
    found = _try_2d(arch, qemu, deadline_s) if mode is GpuMode.TWO_D else _tried(mode, arch, qemu, deadline_s)
    if isinstance(found, GpuProbe):
        return found
    return GpuProbe(mode, arch, usable=True, display=str(found.display))


@lru_cache(maxsize=32)
def _tried(mode: GpuMode, arch: Arch, qemu: QemuBinary, deadline_s: float) -> Surface | GpuProbe:
    """The first display that comes up, else why none does; asked once in a process for each deadline."""
    try:
        check_features(GPUS[mode], qemu.features, str(qemu.path))
    except GpuUnavailable as error:
        return GpuProbe(mode, arch, usable=False, code=error.code, reason=error.message, fix=error.fix or "")
    complaints: dict[str, str] = {}
    deadline = time.monotonic() + 1.5 * deadline_s
    for surface in candidates():
        if str(surface.display) in complaints or time.monotonic() > deadline:
            continue
        complaint = _complaint(mode, arch, qemu, surface, deadline_s)
        if complaint is None:
            return surface
        complaints[str(surface.display)] = complaint
    return _verdict(mode, arch, qemu, complaints)


def _try_2d(arch: Arch, qemu: QemuBinary, deadline_s: float) -> Surface | GpuProbe:
    surface = Surface(Display("none"))
    complaint = _complaint(GpuMode.TWO_D, arch, qemu, surface, deadline_s)
    return surface if complaint is None else _verdict(GpuMode.TWO_D, arch, qemu, {"none": complaint})


def _complaint(
    mode: GpuMode, arch: Arch, qemu: QemuBinary, surface: Surface, deadline_s: float
) -> str | None:
    """What QEMU says against it; None when it came up."""
    config = QemuConfig(
        binary=qemu.path,
        arch=arch,
        machine=defaults.machine_type(arch, "tcg"),
        cpu=defaults.cpu_model(arch, "tcg"),
        accelerator=defaults.accelerator("tcg", arch),
        memory_mib=64,
        gpu=GPUS[mode],
        display=surface.display,
        features=qemu.features,
        monitor=Stdio(),
        paused=True,
    )
    try:
        argv = build(config)
    except UnknownName:
        return f"this QEMU has no display {surface.display.name}"
    except InvalidConfiguration as error:
        return error.message
    with private_directory() as folder:
        said = transcribe(
            argv, purpose=f"proof of a {mode} GPU", deadline_s=deadline_s, replies=_QMP, stop_at=_UP,
            env=environment(surface.environment, folder),
        )  # fmt: skip
    if said.ending == "stopped":
        return None
    if said.ending == "deadline":
        return f"{_NOT_UP} within {deadline_s:g} s"
    first = next(
        (line.strip() for line in said.stderr.decode(errors="replace").splitlines() if line.strip()), ""
    )
    return first or f"it ended with status {said.status}"


def environment(own: Mapping[str, str], private: Path) -> dict[str, str]:
    """The harness's environment with ``own`` in it, and folders for the sockets of window systems and for Mesa's
    shaders if it names none.

    Mesas of different versions that share a folder truncate each other's mapped index: SIGBUS (22.3 and 26.1).
    """
    folders = ("XDG_RUNTIME_DIR", "MESA_SHADER_CACHE_DIR")
    return {**os.environ, **{name: os.environ.get(name, str(private)) for name in folders}, **own}


def _verdict(mode: GpuMode, arch: Arch, qemu: QemuBinary, complaints: Mapping[str, str]) -> GpuProbe:
    """No display will do: the one cause that the user can change, else the last thing that QEMU said."""
    said = "; ".join(f"{display}: {text}" for display, text in complaints.items())
    if any(text.startswith(_NOT_UP) for text in complaints.values()):
        return GpuProbe(
            mode, arch, usable=False, code="hangs", reason=said, fix="quieten the host and try again"
        )
    if any(_NO_RENDER_NODE.search(text) for text in complaints.values()):
        return GpuProbe(
            mode, arch, usable=False, code="no-render-node",
            reason=f"{qemu.path} renders only where there is a DRM render node, and this host has none it may open",
            fix="give access to /dev/dri/renderD*, or use a QEMU with SDL: `visorbench runtime install gpu`",
        )  # fmt: skip
    if all(_NO_GL.search(text) or "no display" in text for text in complaints.values()):
        return GpuProbe(
            mode, arch, usable=False, code="no-gl-display", fix=NEWER,
            reason=f"no display of {qemu.path} renders with OpenGL ({said})",
        )  # fmt: skip
    return GpuProbe(mode, arch, usable=False, code="refused", reason=said, fix=NEWER)
