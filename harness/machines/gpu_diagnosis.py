"""Why a guest with a GPU cannot draw with it: the causes that leave no error where one looks, told from its kernel log.

What was seen (QEMU 10.0, virglrenderer 1.1, Linux 6.12): where virglrenderer cannot start its render server, QEMU runs
on, and the guest's driver times out on the capability sets or offers contexts that fail; nothing else is said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.errors import (
    AccelerationUnproved,
    AdapterMissing,
    GpuApiMissing,
    GuestGpuMissing,
    RenderServerMissing,
)
from harness.machines.gpu_routes import VENUS

if TYPE_CHECKING:
    from harness.errors import VisorbenchError
    from harness.machines.model import Machine

_ASK = """
[ -d /sys/bus/virtio/drivers/virtio_gpu ] && echo driver
ls /dev/dri 2> /dev/null
dmesg | grep -iE 'drm|virtio.gpu'
true
"""
_SILENT_HOST = re.compile(r"timed out waiting for cap set|0x1200")
"""0x1200 is VIRTIO_GPU_RESP_ERR_UNSPEC (virtio specification 1.3, 5.7.6.7)."""
_VENUS_OFFERED = re.compile(r"cap set \d+: id 4\b")
"""VIRTIO_GPU_CAPSET_VENUS."""


_NO_ADAPTER = (GpuApiMissing, AdapterMissing, AccelerationUnproved)
"""The route is not there at all, or something else draws in its place."""


def check_driver(machine: Machine) -> None:
    """Raise GuestGpuMissing when the booted guest has no driver for its GPU, or the driver no device."""
    log = machine.ssh.run(_ASK).text()
    if "driver" not in log.splitlines():
        raise GuestGpuMissing(
            f"the kernel of {machine.name} has no virtio-gpu driver",
            fix="boot one with CONFIG_DRM_VIRTIO_GPU: Debian's generic kernel has it, its cloud kernel has not",
            log=log,
        )
    if "renderD" not in log:
        raise GuestGpuMissing(
            f"{machine.name} has a virtio-gpu driver, and no GPU came of it",
            fix="read its kernel log; give the machine a GPU (--gpu)", log=log,
        )  # fmt: skip


def why_no_route(machine: Machine, error: VisorbenchError) -> VisorbenchError:
    """What is behind ``error``, which says that a guest's GPU does not draw: RenderServerMissing, else itself."""
    log = (
        machine.ssh.run(_ASK).text() if isinstance(error, _NO_ADAPTER) else ""
    )  # a GPU that hangs may hang its guest
    return told_by(log, error, machine.name)


def told_by(log: str, error: VisorbenchError, name: str) -> VisorbenchError:
    """As :func:`why_no_route`, from the kernel log of the guest ``name``.

    A GPU that draws wrongly, hangs or is lost has a renderer, whatever the guest was offered: that error stays itself.
    """
    if not isinstance(error, _NO_ADAPTER):
        return error
    venus_missing = error.facts.get("route") == VENUS.name and _VENUS_OFFERED.search(log)
    if _SILENT_HOST.search(log) or venus_missing:
        return RenderServerMissing(
            f"{name} is offered its host's GPU, and nothing on the host renders: {error.message}",
            fix="install virgl_render_server (Debian: virgl-server), or use `visorbench runtime install gpu`",
            log=log,
        )
    return error
