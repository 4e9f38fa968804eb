"""What the harness needs from the system, and the packages that bring it on each platform.

Native workloads need nothing from here: the C compiler comes from PyPI (ziglang).
"""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.host import codecs
from harness.host.firmware import firmware_for
from harness.host.linux_facts import os_release_ids
from harness.host.qemu import find_qemus
from harness.host.system import host_arch

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that must be on the host, and what brings it: package manager → packages."""

    name: str
    what: str
    packages: Mapping[str, tuple[str, ...]]
    optional: bool = True
    """Without it the reference guests still boot; disks, UEFI, the native GPU baseline and encoding do not."""


NEEDS = (
    Need("qemu-arm64", "QEMU for arm64 guests", {
        # Debian only recommends ipxe-qemu, but a network card of `virt` does not start without its ROM.
        "apt": ("qemu-system-arm", "ipxe-qemu"),
        "dnf": ("qemu-system-aarch64-core", "qemu-device-display-virtio-gpu", "qemu-device-display-virtio-gpu-pci"),
        "pacman": ("qemu-system-aarch64", "qemu-hw-display-virtio-gpu", "qemu-hw-display-virtio-gpu-pci"),
        "brew": ("qemu",),
        "winget": ("SoftwareFreedomConservancy.QEMU",),
    }, optional=False),
    Need("qemu-x86-64", "QEMU for x86-64 guests", {
        "apt": ("qemu-system-x86",),
        "dnf": ("qemu-system-x86-core", "qemu-device-display-virtio-gpu", "qemu-device-display-virtio-gpu-pci"),
        "pacman": ("qemu-system-x86", "qemu-hw-display-virtio-gpu", "qemu-hw-display-virtio-gpu-pci"),
        "brew": ("qemu",),
        "winget": ("SoftwareFreedomConservancy.QEMU",),
    }, optional=False),
    Need("qemu-img", "qemu-img, for disk images", {
        "apt": ("qemu-utils",),
        "dnf": ("qemu-img",),
        "dnf-el": ("qemu-img",),
        "pacman": ("qemu-img",),
        "brew": ("qemu",),
        "winget": ("SoftwareFreedomConservancy.QEMU",),
    }),
    Need("firmware-arm64", "UEFI firmware for arm64 guests", {
        "apt": ("qemu-efi-aarch64",),
        "dnf": ("edk2-aarch64",),
        "dnf-el": ("edk2-aarch64",),
        "pacman": ("edk2-aarch64",),
        "brew": ("qemu",),
        "winget": ("SoftwareFreedomConservancy.QEMU",),
    }),
    Need("firmware-x86-64", "UEFI firmware for x86-64 guests", {
        "apt": ("ovmf",),
        "dnf": ("edk2-ovmf",),
        "dnf-el": ("edk2-ovmf",),
        "pacman": ("edk2-ovmf",),
        "brew": ("qemu",),
        "winget": ("SoftwareFreedomConservancy.QEMU",),
    }),
    Need("vulkan", "a Vulkan driver, also for hosts without a GPU", {
        "apt": ("libvulkan1", "mesa-vulkan-drivers"),
        "dnf": ("vulkan-loader", "mesa-vulkan-drivers"),
        "dnf-el": ("vulkan-loader", "mesa-vulkan-drivers"),
        "pacman": ("vulkan-icd-loader", "vulkan-swrast"),
    }),
    Need("gles", "OpenGL ES by EGL, also for hosts without a GPU", {
        "apt": ("libegl1", "libgl1-mesa-dri"),
        "dnf": ("mesa-libEGL", "mesa-dri-drivers"),
        "dnf-el": ("mesa-libEGL", "mesa-dri-drivers"),
        "pacman": ("mesa",),
    }),
    Need("encoder", "x264 and libyuv with their headers, for encoding frames", {
        # Fedora has no x264 of its own: RPM Fusion's x264-devel and Fedora's libyuv-devel do.
        "apt": ("libx264-dev", "libyuv-dev"),
        "pacman": ("x264", "libyuv"),
    }),
)  # fmt: skip


_DRIVERS = {
    "vulkan": ("usr/share/vulkan/icd.d/*.json", "etc/vulkan/icd.d/*.json", "usr/local/share/vulkan/icd.d/*.json",
               "run/opengl-driver/share/vulkan/icd.d/*.json"),
    "gles": ("usr/share/glvnd/egl_vendor.d/*.json", "etc/glvnd/egl_vendor.d/*.json",
             "run/opengl-driver/share/glvnd/egl_vendor.d/*.json"),
}  # fmt: skip
"""Where drivers tell the loaders of Vulkan and EGL that they are there; the last is NixOS's."""


def missing_needs() -> list[Need]:
    """What this host does not have yet; raises QemuNotFound for a bad $VISORBENCH_QEMU."""
    qemus = [qemu for qemu in find_qemus() if not qemu.too_old]
    have = {f"qemu-{qemu.arch}" for qemu in qemus}
    beside = {qemu.arch: qemu.path for qemu in reversed(qemus)}
    have |= {
        f"firmware-{arch}"
        for arch in ("arm64", "x86-64")
        if firmware_for(arch, qemu=beside.get(arch)) is not None
    }
    if shutil.which("qemu-img") or any(qemu.path.with_name("qemu-img").is_file() for qemu in qemus):
        have.add("qemu-img")
    have |= graphics_apis()
    if encodes():
        have.add("encoder")
    return [need for need in NEEDS if need.name not in have]


def graphics_apis() -> set[str]:
    """Which of ``vulkan`` and ``gles`` have a driver here, by the files that Linux's loaders read; runs nothing.

    Both elsewhere: macOS has Metal, Windows Direct3D, and there is nothing to install.
    """
    if platform.system() != "Linux":
        return {"vulkan", "gles"}
    return {api for api, patterns in _DRIVERS.items() if any(_any_file(pattern) for pattern in patterns)}


def encodes() -> bool:
    """Whether an encoder can be built here; macOS has VideoToolbox, and Windows nothing to install. Runs nothing."""
    return platform.system() != "Linux" or (codecs.x264() is not None and codecs.libyuv() is not None)


def _any_file(pattern: str) -> bool:
    return next(Path("/").glob(pattern), None) is not None


def package_manager() -> str | None:
    """``apt``, ``dnf``, ``dnf-el`` (Enterprise Linux), ``pacman``, ``brew``, ``winget``; None when none is known."""
    system = platform.system()
    if system == "Darwin":
        return "brew" if brew() else None
    if system == "Windows":
        return "winget"
    for program, name in (("apt-get", "apt"), ("dnf", "dnf"), ("pacman", "pacman")):
        if shutil.which(program):
            ids = os_release_ids()
            return "dnf-el" if name == "dnf" and "rhel" in ids and "fedora" not in ids[:1] else name
    return None


def brew() -> str | None:
    """Homebrew's program, also where a shell without its profile does not find it."""
    return shutil.which("brew") or next(
        (path for path in ("/opt/homebrew/bin/brew", "/usr/local/bin/brew") if Path(path).is_file()), None
    )


def packages_for(need: Need, manager: str) -> tuple[str, ...]:
    """The packages that bring ``need``; () when this platform does not package it."""
    if manager == "dnf-el" and need.name == f"qemu-{host_arch()}":
        return ("qemu-kvm",)  # Enterprise Linux has QEMU for its own architecture only
    return need.packages.get(manager, ())
