"""What QEMU would refuse, abort on or silently leave out of a machine's graphics, found before it is started."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import GpuUnavailable, InvalidConfiguration, ToolMissing, UnknownName

if TYPE_CHECKING:
    from harness.host.introspection import QemuFeatures
    from harness.machines.qemu.config import QemuConfig
    from harness.machines.qemu.graphics import Display, Gpu

HOSTMEM_MIB = (16, 64 << 10)
UDMABUF = Path("/dev/udmabuf")
"""What Linux makes the blobs of a virtio-gpu without OpenGL from."""
SPICE_MODULE = (
    "install what brings it, qemu-system-modules-spice on Debian, or name another QEMU with --qemu PATH"
)
NEWER = "use a QEMU that has it: `visorbench runtime install gpu` brings one, --qemu PATH names another"


def check_graphics(config: QemuConfig) -> None:
    """Raise InvalidConfiguration, UnknownName, GpuUnavailable or ToolMissing for the first thing that does not fit."""
    features = config.features
    if config.spice and features and not features.spice:
        raise ToolMissing(f"{config.binary} has no SPICE server", fix=SPICE_MODULE)
    if features and features.displays and config.display.name not in features.displays:
        raise UnknownName("display", config.display.name, features.displays, where=str(config.binary))
    if config.gpu is None:
        return
    if config.video:
        raise InvalidConfiguration(
            f"a GPU ({config.gpu}) and the display device {config.video}: the guest would have two",
            fix="leave one out",
        )
    if config.gpu.gl:
        _check_gl(config.gpu, config.display)
    else:
        _check_2d(config.gpu)
    if features:
        check_features(config.gpu, features, str(config.binary))


def check_features(gpu: Gpu, features: QemuFeatures, binary: str) -> None:
    """Raise GpuUnavailable for what this QEMU's introspection does not know."""
    if gpu.gl and not features.virtio_gpu_gl:
        raise GpuUnavailable(
            f"{binary} has no virtio-gpu-gl, or its module is not installed", fix=NEWER, code="no-gl-device"
        )
    if gpu.venus and not features.venus:
        raise GpuUnavailable(
            f"{binary} does not know venus, which QEMU has since 9.2", fix=NEWER, code="no-venus"
        )


def _check_gl(gpu: Gpu, display: Display) -> None:
    if not display.renders:
        raise InvalidConfiguration(
            f"{gpu.driver} needs a display that renders with OpenGL, and `-display {display}` does not",
            fix="use sdl,gl=on, or egl-headless where /dev/dri has a render node",
        )
    if gpu.venus and not (gpu.blob and gpu.hostmem_mib):
        lacking = [name for name, there in (("blob=on", gpu.blob), ("hostmem", gpu.hostmem_mib)) if not there]
        raise InvalidConfiguration(
            f"venus without {' and '.join(lacking)}: the guest's Vulkan would have no memory to share",
            fix="give the GPU blob=on and hostmem=256M too",
        )
    low, high = HOSTMEM_MIB
    size = gpu.hostmem_mib
    if size and (not low <= size <= high or size & (size - 1)):  # a PCI BAR; QEMU aborts on other sizes
        raise InvalidConfiguration(
            f"the GPU's hostmem is {size} MiB", fix=f"it can be a power of two from {low} to {high} MiB"
        )


def _check_2d(gpu: Gpu) -> None:
    if gpu.venus or gpu.hostmem_mib:
        raise InvalidConfiguration(
            f"{gpu.driver} cannot have venus or hostmem", fix="make it a virtio-gpu-gl"
        )
    if gpu.blob and not (sys.platform == "linux" and UDMABUF.exists()):
        raise InvalidConfiguration(
            f"{gpu.driver} makes blobs of {UDMABUF}, which this host does not have",
            fix="load the module udmabuf, or leave blob out",
        )
