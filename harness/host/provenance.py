"""Which version of the harness this is."""

from __future__ import annotations

import os
import subprocess

from harness.host.paths import shipped


def commit() -> str:
    """The harness's own commit where it runs from a clone, with "+" when files were changed since; else ""."""
    if not shipped(".git").exists():
        return ""
    head = _git("rev-parse", "--short=12", "HEAD")
    return head + ("+" if head and _git("status", "--porcelain") else "")


def _git(*words: str) -> str:
    # A git hook sets variables that would name another repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(shipped()), *words],
            capture_output=True, text=True, timeout=5, check=False, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
