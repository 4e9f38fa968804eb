"""The modules of a kernel package while a guest is built: on disk, as a generic kernel has a hundred megabytes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO, Self

from harness.guests.image.modules import module_name

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK_BYTES = 1 << 20


class ModuleStore(Mapping[str, tuple[str, bytes]]):
    """Name → path and compressed bytes, read back when asked for; a file without a name in ``folder`` holds them."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._places: dict[str, tuple[str, int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, path: str, content: BinaryIO) -> None:
        """Keep the module at ``path``: ``usr/lib/modules/6.12/kernel/…/erofs.ko.xz``."""
        start = self._file.seek(0, 2)
        shutil.copyfileobj(content, self._file, _CHUNK_BYTES)
        self._places[module_name(path)] = (path, start, self._file.tell() - start)

    @property
    def base(self) -> str:
        """The folder of the kernel's release, ``usr/lib/modules/6.12``; '' without a module."""
        path = next((path for path, _, _ in self._places.values()), "")
        return "/".join(path.split("/")[:4])

    def __getitem__(self, name: str) -> tuple[str, bytes]:
        path, start, size = self._places[name]
        self._file.seek(start)
        return path, self._file.read(size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
