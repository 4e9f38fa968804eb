"""What was learned about QEMU binaries, kept on disk so that it is asked once.

One small JSON file for each binary in the cache, named by everything that would change the answers: the path, size and
modification time of the file, and the modification times of the folders from which it would load modules.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.host import paths
from harness.host.introspection import QemuFeatures

_FORMAT = 4
"""Raised when QemuFeatures or the questions change: what an older harness learned is asked again."""
_MODULE_FOLDERS = ("lib/qemu", "lib64/qemu", "lib/*/qemu")
"""Beside the ``bin`` of a binary; the pattern is Debian's multiarch folder."""


def recall(binary: Path) -> tuple[str, QemuFeatures] | None:
    """(version line, features) as remembered, or None when it is unknown or has changed since."""
    try:
        stored = json.loads(_place(binary).read_text("utf-8"))
        told: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in stored["features"].items()
        }
        return str(stored["version"]), QemuFeatures(**told)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None


def remember(binary: Path, known: tuple[str, QemuFeatures]) -> None:
    """Keep it for the next command; a cache that cannot be written only costs time."""
    version, features = known
    text = json.dumps({"path": str(binary), "version": version, "features": asdict(features)}, indent=1)
    with suppress(OSError):
        place = _place(binary)
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(place)
        except OSError:
            Path(temporary).unlink(missing_ok=True)


def _place(binary: Path) -> Path:
    real = binary.resolve()
    identity = [_FORMAT, os.fspath(binary), os.fspath(real), *_stamp(real)]
    prefix = real.parent.parent
    for folder in sorted({found for pattern in _MODULE_FOLDERS for found in prefix.glob(pattern)}):
        identity += [os.fspath(folder), *_stamp(folder)]
    name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
    return paths.cache_dir() / "qemu" / f"{name}.json"


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
