"""The host's own architecture, and short questions to its system tools."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ANSWER_S = 5.0


def ask(argv: Sequence[str]) -> str:
    """What a system tool (lscpu, sysctl, pmset) prints, in the C locale; '' when it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_S,
            check=False,  # sysctl fails when one of many keys is unknown, and answers the others
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def host_arch() -> str:
    """``arm64``, ``x86-64``, or the platform's own word; a Python translated by Rosetta does not hide an arm64 Mac."""
    machine = platform.machine().lower()
    if (
        sys.platform == "darwin"
        and machine == "x86_64"
        and ask(["sysctl", "-n", "sysctl.proc_translated"]).strip() == "1"
    ):
        machine = "arm64"
    return {"amd64": "x86-64", "x86_64": "x86-64", "aarch64": "arm64"}.get(machine, machine)


def is_root() -> bool:
    """Whether this process may do everything; on Windows it never says so."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
