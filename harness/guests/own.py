"""A guest of the user's own: any kernel or disk, fingerprinted by its bytes, without the harness's channels."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration
from harness.guests.model import Arch, GuestImage

if TYPE_CHECKING:
    from pathlib import Path


def own_guest(
    name: str,
    arch: Arch,
    *,
    kernel: Path | None = None,
    initrd: Path | None = None,
    append: str = "",
    disk: Path | None = None,
    firmware: Path | None = None,
    ready_marker: str | None = None,
    memory_mib: int = 512,
) -> GuestImage:
    """A guest made of files as they are; it is ready when its console shows ``ready_marker``.

    Raises InvalidConfiguration when there is nothing to boot, or a file does not exist.
    """
    if not kernel and not disk:
        raise InvalidConfiguration(f"guest {name!r} has nothing to boot", fix="give it a kernel or a disk")
    if initrd and not kernel:
        raise InvalidConfiguration(f"guest {name!r} has an initrd but no kernel", fix="give it a kernel too")
    files = {"kernel": kernel, "initrd": initrd, "disk": disk, "firmware": firmware}
    manifest: dict[str, object] = {"name": name, "arch": arch.value, "append": append}
    for role, path in files.items():
        if path is not None:
            manifest[role] = {"file": path.name, "sha256": _sha256(name, role, path)}
    return GuestImage(
        name=name,
        arch=arch,
        kernel=kernel,
        initrd=initrd,
        append=append,
        disk=disk,
        firmware=firmware,
        init_marker=None,
        ready_marker=ready_marker,
        ready_port=None,
        ssh_user=None,
        takes_credentials=False,
        memory_mib=memory_mib,
        manifest=manifest,
        fingerprint=hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest(),
    )


def _sha256(name: str, role: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidConfiguration(
            f"the {role} of guest {name!r} cannot be read: {error.strerror}: {path}", fix="correct the path"
        ) from error
