"""The reference guests by name: which there are, and a built one of each, made when it is missing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.errors import CacheReadOnly, UnknownName
from harness.guests.efi_stub import stubs_folder
from harness.guests.model import INITRD, KERNEL, MANIFEST, ROOT_IMAGE, Arch, GuestImage
from harness.host.paths import cache_dir, shipped
from harness.host.storage import ELSEWHERE, locked, new_folder, write_whole
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.archive.fetch import Progress
    from harness.guests.spec import GuestSpec


def known() -> list[str]:
    """The names of the reference guests."""
    return sorted(path.stem for path in shipped("fixtures", "guests").glob("*.toml"))


def get(name: str, arch: Arch) -> GuestSpec:
    """The description of a guest; raises UnknownName, and InvalidConfiguration for a bad file."""
    from harness.guests.spec import read_spec  # noqa: PLC0415 - pydantic is slow to import

    if name not in known():
        raise UnknownName("guest", name, known())
    return read_spec(shipped("fixtures", "guests", f"{name}.toml"), arch)


def find(spec: GuestSpec) -> GuestImage | None:
    """The guest that ``spec`` describes as it lies in the cache, or None; reads the cache, nothing else.

    Raises CacheReadOnly for another user's.
    """
    try:
        commit = json.loads(_commit(spec).read_bytes())
        image = _image(spec, commit["fingerprint"], commit["manifest"])
        files = [path for path in (image.kernel, image.initrd, image.root_image) if path]
        return image if all(path.is_file() for path in files) else None
    except (FileNotFoundError, ValueError, KeyError):
        return None
    except PermissionError as error:
        raise CacheReadOnly.of_another(error) from error


def ensure_built(
    name: str,
    arch: Arch,
    *,
    progress: Progress | None = None,
    offline: bool = False,
    refresh: bool = False,
    mirror: str | None = None,
) -> GuestImage:
    """The built guest ``name``, as :func:`ensure` makes it; raises also what :func:`get` raises."""
    return ensure(get(name, arch), progress=progress, offline=offline, refresh=refresh, mirror=mirror)


def ensure(
    spec: GuestSpec,
    *,
    progress: Progress | None = None,
    offline: bool = False,
    refresh: bool = False,
    mirror: str | None = None,
    keyring: Path | None = None,
) -> GuestImage:
    """The guest that ``spec`` describes, from the cache if it is there, without touching the network.

    ``refresh`` asks the archive for newer packages; ``offline`` forbids the network; ``mirror`` is the only one to
    ask; ``keyring`` replaces the folder of keys that may sign. Raises ArchiveUnreachable, ArchiveError, DiskFull,
    CacheReadOnly.
    """
    if not refresh and (image := find(spec)):
        return image
    folder = _folder(spec)
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not refresh and (image := find(spec)):  # another process built it meanwhile
            return image
        from harness.archive.client import open_archive  # noqa: PLC0415 - only who builds pays for these
        from harness.guests.build import build  # noqa: PLC0415
        from harness.guests.plan import plan  # noqa: PLC0415

        archive = open_archive(
            spec.suite, spec.debian_arch, mirror=mirror, keyring=keyring, progress=progress, offline=offline
        )
        planned = plan(spec, replace(archive, fresh=refresh and not offline))
        target = folder / planned.fingerprint[:16]
        if not (target / MANIFEST).is_file():
            with new_folder(target) as draft:
                build(planned, archive, draft)
        commit = {"fingerprint": planned.fingerprint, "manifest": planned.manifest}
        write_whole(_commit(spec), json.dumps(commit, indent=2, sort_keys=True).encode())
        return _image(spec, planned.fingerprint, planned.manifest)


def clean() -> list[Path]:
    """Remove every built guest and every download; the folders that were removed. Raises CacheReadOnly."""
    removed: list[Path] = []
    for path in (cache_dir() / "guests", stubs_folder(), cache_dir() / "archive"):
        if path.is_dir():
            with naming_write_errors("the cache", path, elsewhere=ELSEWHERE):
                shutil.rmtree(path)
            removed.append(path)
    return removed


def _image(spec: GuestSpec, fingerprint: str, manifest: Mapping[str, object]) -> GuestImage:
    folder = _folder(spec) / fingerprint[:16]
    return GuestImage(
        name=spec.name,
        arch=spec.arch,
        kernel=folder / KERNEL,
        initrd=folder / INITRD,
        root_image=folder / ROOT_IMAGE if spec.root else None,
        append=spec.append,
        memory_mib=spec.memory_mib,
        manifest=manifest,
        fingerprint=fingerprint,
    )


def _folder(spec: GuestSpec) -> Path:
    return cache_dir() / "guests" / f"{spec.name}-{spec.arch}"


def _commit(spec: GuestSpec) -> Path:
    return _folder(spec) / f"{spec.recipe[:16]}.json"
