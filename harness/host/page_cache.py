"""The host's page cache, which decides whether a boot reads from the disk or from memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness.errors import HostLacks

_DROP = Path("/proc/sys/vm/drop_caches")


def droppable() -> bool:
    """Whether this process may drop the page cache (Linux, as root)."""
    return sys.platform == "linux" and os.access(_DROP, os.W_OK)


def drop_page_cache() -> None:
    """Write back what is dirty and forget what is clean; raises HostLacks where that is not allowed."""
    if sys.platform != "win32":
        os.sync()
    try:
        _DROP.write_text(
            "3\n", encoding="ascii"
        )  # Documentation/admin-guide/sysctl/vm.rst: 3 = pages and dentries
    except OSError as error:
        raise HostLacks(f"the page cache cannot be dropped: {error}", fix="run as root on Linux") from error
