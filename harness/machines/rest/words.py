"""Words that vfkit and krunkit spell the same, and those that they cannot be told."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration

if TYPE_CHECKING:
    from pathlib import Path

PORT_MAX = (1 << 32) - 2
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_TAG = re.compile(r"[A-Za-z0-9._-]{1,36}")
"""virtio-fs: 36 bytes (virtio 1.2, 5.11.4)."""


def mac_address(mac: str) -> str:
    """``mac`` if it is one; raises InvalidConfiguration."""
    if not MAC.fullmatch(mac):
        raise InvalidConfiguration(f"{mac!r} is no MAC address", fix="write it as 52:54:00:12:34:56")
    return mac


def mount_tag(tag: str) -> str:
    """``tag`` if it can be one; raises InvalidConfiguration."""
    if not _TAG.fullmatch(tag):
        raise InvalidConfiguration(
            f"{tag!r} is no tag to mount", fix="up to 36 letters, digits, dots, hyphens and underscores"
        )
    return tag


def vsock_port(port: int) -> int:
    """``port`` if it is one; raises InvalidConfiguration."""
    if not 0 < port <= PORT_MAX:
        raise InvalidConfiguration(f"{port} is no vsock port", fix=f"it can be 1 to {PORT_MAX}")
    return port


def speakable(text: str | Path, what: str, *, vmm: str, unspeakable: str) -> str:
    """``text`` if the VMM, which has no way to escape one of ``unspeakable``, can be told it.

    Raises InvalidConfiguration, which calls it ``what``.
    """
    said = os.fspath(text)
    bad = next((character for character in (*unspeakable, "\0", "\n", "\r") if character in said), None)
    if bad is not None or not said:
        raise InvalidConfiguration(
            f"{what} has {bad!r} in it, which {vmm} cannot be told: {said!r}" if bad else f"{what} is empty",
            fix="rename it, or link to it from another folder",
        )
    return said
