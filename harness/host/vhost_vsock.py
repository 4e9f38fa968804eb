"""Whether the host's kernel carries vsock for guests, proved by having it accept a CID."""

from __future__ import annotations

import os
import random
import struct
import sys
from pathlib import Path

DEVICE = Path("/dev/vhost-vsock")
_SET_OWNER = 0xAF01
_SET_GUEST_CID = 0x4008AF60
"""_IOW(VHOST_VIRTIO, 0x60, __u64); Linux: include/uapi/linux/vhost.h"""
_CIDS = (1 << 16, 1 << 30)
"""Where to look for a free one: all VMMs of a host share the numbers."""
_ATTEMPTS = 8


def free_cid() -> int | None:
    """A CID that the kernel's vhost-vsock has just accepted; None when there is no such kernel, or it refuses.

    A node in /dev proves nothing: the module behind it may not load, or may not be ours to use.
    """
    if sys.platform != "linux":
        return None
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.ioctl(device, _SET_OWNER)
        for _ in range(_ATTEMPTS):
            cid = random.randrange(*_CIDS)  # noqa: S311 - it need not be secret
            try:
                fcntl.ioctl(device, _SET_GUEST_CID, struct.pack("=Q", cid))
            except OSError:
                continue
            return cid
    except OSError:
        return None
    finally:
        os.close(device)
    return None
