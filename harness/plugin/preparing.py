"""What a bench needs and the cache has not: made in processes of their own, whose memory is gone when it measures."""

from __future__ import annotations

from concurrent.futures import as_completed
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from harness.host.errand import beside, run_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.archive.fetch import Progress
    from harness.guests.model import Arch, GuestImage
    from harness.guests.toolchain import Target
    from harness.runtimes.model import Runtime


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


def runtime(name: str, progress: Progress | None, mirror: str | None) -> Runtime:
    """An installed runtime; raises what :func:`harness.runtimes.catalogue.ensure` raises."""
    from harness.archive.fetch import silent  # noqa: PLC0415 - few scenarios use one
    from harness.runtimes.catalogue import ensure, find  # noqa: PLC0415

    return find(name) or run_apart(
        f"installing the runtime {name}", ensure, progress or silent, name, mirror=mirror
    )


@contextmanager
def workloads(wanted: Iterable[tuple[str, Target]], step: Callable[[str], None]) -> Iterator[None]:
    """What is missing of these programs, compiled while the body does something else, and there at its end.

    One target beside the other: what takes long is a target's C libraries. Raises what
    :func:`harness.guests.workloads.find_workload` and :func:`harness.guests.workloads.workload` raise, and HelperLost.
    """
    from harness.guests.workloads import build_each, find_workload  # noqa: PLC0415 - heavy

    missing: dict[Target, list[str]] = {}
    for name, target in wanted:
        if find_workload(name, target) is None:
            missing.setdefault(target, []).append(name)
    with ExitStack() as compilers:
        compiled = [
            compilers.enter_context(beside(f"compiling workloads for {target}", build_each, names, target))
            for target, names in missing.items()
        ]
        yield
        if left := [str(target) for target, each in zip(missing, compiled, strict=True) if not each.done()]:
            step(f"compiling workloads for {' and '.join(left)} (once, a minute or two)")
        for each in as_completed(compiled):
            each.result()  # the first failure ends the others
