"""Words that vfkit and krunkit spell the same: MAC addresses, and the tags by which folders are mounted."""

from __future__ import annotations

import re

from harness.errors import InvalidConfiguration

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
