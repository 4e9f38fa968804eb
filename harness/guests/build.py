"""From a plan to the files of a guest, kernel, initramfs and root image: the same inputs give the same bytes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.archive import deb
from harness.errors import InvalidConfiguration
from harness.guests import kernel
from harness.guests.contents import described, packaged, skeleton
from harness.guests.image import cpio, modules
from harness.guests.image.erofs import ErofsWriter
from harness.guests.image.module_store import ModuleStore
from harness.guests.model import INITRD, KERNEL, MANIFEST, ROOT_IMAGE
from harness.host.storage import ELSEWHERE
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from harness.archive.client import Archive
    from harness.archive.fetch import Progress
    from harness.guests.contents import Content
    from harness.guests.image.entry import Entry
    from harness.guests.plan import Plan
    from harness.guests.spec import GuestSpec, RootSpec


def build(plan: Plan, archive: Archive, folder: Path) -> None:
    """Fetch the packages and write ``vmlinuz``, ``initrd``, ``manifest.json``, and ``root.erofs`` if the guest has
    one, into ``folder``.

    Raises what :meth:`Archive.fetch` raises, PackageNotFound and ArchiveCorrupt for packages that do not have
    what the description names, InvalidConfiguration for one that contradicts itself, DiskFull and CacheReadOnly.
    """
    spec = plan.spec
    files = {package.name: archive.fetch(package) for package in plan.packages}
    with naming_write_errors(f"guest {spec.name}", folder, elsewhere=ELSEWHERE), ModuleStore(folder) as store:
        _take_kernel(plan, files[plan.kernel.name], folder / KERNEL, store)
        try:
            (folder / INITRD).write_bytes(cpio.pack(_initramfs(spec, files, store)))
            if spec.root:
                packages = _one_by_one(plan, files, archive.fetcher.progress)
                _write_image(_root(spec.root, packages, store), folder / ROOT_IMAGE)
        except ValueError as error:
            raise InvalidConfiguration(f"guest {spec.name}: {error}", fix="correct its description") from None
        (folder / MANIFEST).write_text(
            json.dumps(plan.manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )


def _take_kernel(plan: Plan, package: Path, to: Path, store: ModuleStore) -> None:
    """Write the kernel to ``to`` and its modules into ``store``."""
    for member in deb.members(package, ("/boot/vmlinuz-*", f"/usr/lib/modules/*{modules.SUFFIX}")):
        if member.content is None:
            continue
        if member.path.startswith("boot/"):
            header = member.content.read(kernel.HEADER_BYTES)
            kernel.check(header, plan.spec.arch)
            with to.open("wb") as out:
                out.write(header)
                shutil.copyfileobj(member.content, out, 1 << 20)
        else:
            store.add(member.path, member.content)


def _initramfs(spec: GuestSpec, files: Mapping[str, Path], store: ModuleStore) -> Iterator[Entry]:
    yield from skeleton()
    yield from described(spec.links, spec.files)
    yield from modules.entries(modules.closure(spec.modules, store), store.base)
    for name, patterns in spec.packages.items():
        for entry, content in packaged(files[name], patterns):
            yield replace(entry, data=content.read()) if content else entry


def _root(root: RootSpec, packages: Iterable[Path], store: ModuleStore) -> Iterator[Content]:
    for entry in (*skeleton(), *described(root.links, root.files)):
        yield entry, None
    for entry in modules.entries(modules.closure(root.modules, store), store.base):
        yield entry, None
    for package in packages:
        yield from packaged(package, exclude=root.exclude)


def _one_by_one(plan: Plan, files: Mapping[str, Path], progress: Progress) -> Iterator[Path]:
    """The packages of the root image, ``progress`` told when the next one is asked for."""
    total = sum(package.checksum.size for package in plan.root)
    done = 0
    for package in plan.root:
        yield files[package.name]
        done += package.checksum.size
        progress(f"packages into the image of {plan.spec.name}", done, total)


def _write_image(contents: Iterable[Content], to: Path) -> None:
    with to.open("w+b") as out:
        image = ErofsWriter(out)
        for entry, content in contents:
            image.add(entry, content)
        image.finish()
