"""The managed runtimes by name: which there are, which are installed, and how one comes and goes."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.errors import HostLacks, InvalidConfiguration, ToolMissing, UnknownName
from harness.host.paths import cache_dir, shipped
from harness.host.storage import ELSEWHERE, locked, new_folder, write_whole
from harness.host.system import host_arch
from harness.host.write_errors import naming_write_errors
from harness.runtimes.model import read
from harness.runtimes.users import check_unused, users_of

if TYPE_CHECKING:
    from pathlib import Path

    from harness.archive.fetch import Progress
    from harness.runtimes.model import Runtime
    from harness.runtimes.spec import RuntimeSpec

GPU = "gpu"
DEBIAN_ARCHS = {"x86-64": "amd64", "arm64": "arm64"}
"""The host's architecture → Debian's name for it."""
_COMMIT = "installed.json"


def known() -> list[str]:
    """The names of the runtimes."""
    return sorted(path.stem for path in shipped("fixtures", "runtimes").glob("*.toml"))


def get(name: str) -> RuntimeSpec:
    """The description of a runtime; raises UnknownName, and InvalidConfiguration for a bad file."""
    from harness.runtimes.spec import read_spec  # noqa: PLC0415 - pydantic is slow to import

    if name not in known():
        raise UnknownName("runtime", name, known())
    return read_spec(shipped("fixtures", "runtimes", f"{name}.toml"))


def possible_here() -> bool:
    """Whether runtimes run on this kind of host at all."""
    return sys.platform == "linux" and host_arch() in DEBIAN_ARCHS


def find(name: str) -> Runtime | None:
    """The installed runtime ``name``, or None: not installed, or by a harness that described it or laid it out
    otherwise."""
    folder = _folder(name)
    try:
        commit = json.loads((folder / _COMMIT).read_bytes())
        return read(folder / commit["folder"]) if commit["description"] == _description(name) else None
    except (OSError, ValueError, KeyError, TypeError, InvalidConfiguration):
        return None


def installed(name: str) -> Runtime:
    """The installed runtime ``name``; raises ToolMissing when it is not, UnknownName."""
    found = find(name)
    if found is None:
        get(name)
        raise ToolMissing(
            f"the runtime {name} is not installed", fix=f"run `visorbench runtime install {name}`", name=name
        )
    return found


def ensure(
    name: str,
    *,
    progress: Progress | None = None,
    offline: bool = False,
    refresh: bool = False,
    mirror: str | None = None,
    keyring: Path | None = None,
    spec: RuntimeSpec | None = None,
) -> Runtime:
    """The installed runtime ``name``, installed now if it is not; one that is installed stays as it is.

    ``refresh`` installs it again with the packages that the archive has today; ``offline`` forbids the network, and a
    refresh is then made of what the cache has; ``mirror`` is the only one to ask; ``keyring`` and ``spec`` replace what
    comes with the harness. Raises UnknownName, HostLacks where no runtime runs, ArchiveUnreachable, ArchiveError,
    DiskFull, CacheReadOnly; RuntimeInUse for a refresh that would replace in its place what processes run.
    """
    spec = spec or get(name)
    if not refresh and (found := find(name)):
        return found
    debian_arch = _debian_arch(name)
    folder = _folder(name)
    with locked(folder.with_name(f"{name}.lock")):
        if not refresh and (found := find(name)):  # another process was first
            return found
        from harness.archive.client import open_archive  # noqa: PLC0415 - only who installs pays for these
        from harness.archive.fetch import silent  # noqa: PLC0415
        from harness.runtimes.build import build, plan  # noqa: PLC0415

        told = progress or silent
        archive = open_archive(
            spec.suite, debian_arch, mirror=mirror, keyring=keyring, progress=told, offline=offline
        )
        archive = replace(archive, fresh=refresh and not offline)
        planned = plan(name, spec, archive)
        target = folder / planned.fingerprint[:16]
        _sweep(folder, ".*")  # what an installation that was killed left
        if refresh or not _complete(target):
            check_unused(name, target)  # the same packages: it would be replaced in its place
            with new_folder(target) as draft:
                build(planned, archive, draft, told, home=target)
        commit = {"folder": target.name, "description": _description(name)}
        write_whole(folder / _COMMIT, json.dumps(commit).encode())
        _sweep(folder, "*", keep=target)
        return read(target)


def remove(name: str) -> bool:
    """Remove the installed runtime ``name``; False when there was nothing.

    Raises UnknownName, RuntimeInUse, CacheReadOnly.
    """
    folder = _folder(name)
    if name not in known() and not folder.is_dir():
        raise UnknownName("runtime", name, known())
    if not folder.is_dir():
        return False
    with (
        locked(folder.with_name(f"{name}.lock")),
        naming_write_errors("the cache", folder, elsewhere=ELSEWHERE),
    ):
        check_unused(name, folder)
        (folder / _COMMIT).unlink(missing_ok=True)
        shutil.rmtree(folder)
    return True


def _description(name: str) -> str | None:
    path = shipped("fixtures", "runtimes", f"{name}.toml")
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _complete(target: Path) -> bool:
    try:
        read(target)
    except InvalidConfiguration:
        return False
    return True


def _sweep(folder: Path, pattern: str, *, keep: Path | None = None) -> None:
    """Remove the folders below ``folder`` that match; those in use are left to a later sweep; under the lock."""
    with naming_write_errors("the cache", folder, elsewhere=ELSEWHERE):
        for path in folder.glob(pattern):
            if path.is_dir() and path != keep and not users_of(path):
                shutil.rmtree(path)


def _debian_arch(name: str) -> str:
    if not possible_here():
        raise HostLacks(
            f"the runtime {name} is made of Linux programs for {' and '.join(DEBIAN_ARCHS)}, and this host is "
            f"{sys.platform} on {host_arch()}",
            fix="install a newer QEMU here, and name it with --qemu PATH",
        )
    return DEBIAN_ARCHS[host_arch()]


def _folder(name: str) -> Path:
    return cache_dir() / "runtimes" / name
