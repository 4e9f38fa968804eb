"""What a bench needs and the cache has not: made in processes of their own, whose memory is gone when it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.host.errand import run_apart

if TYPE_CHECKING:
    from pathlib import Path

    from harness.archive.fetch import Progress
    from harness.guests.model import Arch, GuestImage


def guest(name: str, arch: Arch, progress: Progress, mirror: str | None) -> GuestImage:
    """A reference guest; raises what :func:`harness.guests.catalogue.ensure_built` raises."""
    from harness.guests.catalogue import ensure_built, find, get  # noqa: PLC0415 - heavy

    return find(get(name, arch)) or run_apart(
        f"building guest {name}", ensure_built, progress, name, arch, mirror=mirror
    )


def efi_guest(image: GuestImage, progress: Progress, mirror: str | None) -> GuestImage:
    """``image`` as firmware boots it; raises what :func:`harness.guests.efi_stub.with_efi_stub` raises."""
    from harness.guests.efi_stub import has_stub, with_efi_stub  # noqa: PLC0415 - few subjects boot that way

    if has_stub(image.arch):
        return with_efi_stub(image)
    return run_apart("fetching an EFI stub", with_efi_stub, progress, image, mirror=mirror)


def runtime(name: str, progress: Progress, mirror: str | None) -> None:
    """An installed runtime; raises what :func:`harness.runtimes.catalogue.ensure` raises."""
    from harness.runtimes.catalogue import ensure, find  # noqa: PLC0415 - few scenarios use one

    if not find(name):
        run_apart(f"installing the runtime {name}", ensure, progress, name, mirror=mirror)


def qemu(choice: str, named: Path | None, progress: Progress | None, mirror: str | None) -> Path | None:
    """What a chosen runtime is as a QEMU; raises what :func:`harness.runtimes.choice.qemu_folder` raises."""
    from harness.archive.fetch import silent  # noqa: PLC0415 - only who names a runtime
    from harness.runtimes.catalogue import GPU, find  # noqa: PLC0415
    from harness.runtimes.choice import MANAGED, qemu_folder  # noqa: PLC0415

    if choice != MANAGED or find(GPU):
        return qemu_folder(choice, qemu=named)
    return run_apart("installing a QEMU", qemu_folder, progress or silent, choice, qemu=named, mirror=mirror)


def gpu_qemu(
    choice: str | None, arch: Arch, named: Path | None, progress: Progress, mirror: str | None
) -> Path | None:
    """Where the QEMU for a guest with a GPU is; raises what :func:`harness.runtimes.choice.gpu_qemu_folder` raises."""
    from harness.runtimes.catalogue import GPU, find  # noqa: PLC0415 - only with a GPU
    from harness.runtimes.choice import gpu_qemu_folder  # noqa: PLC0415

    if find(GPU):
        return gpu_qemu_folder(choice, arch.value, qemu=named)
    return run_apart(
        "finding a QEMU with a GPU", gpu_qemu_folder, progress, choice, arch.value, qemu=named, mirror=mirror
    )
