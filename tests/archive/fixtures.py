"""What tests of the archive share: one in miniature, and folders that cannot be written."""

from __future__ import annotations

import resource
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.archive.miniature import Miniature, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


@pytest.fixture
def archive() -> Iterator[Miniature]:
    with served(Miniature()) as miniature:
        yield miniature


@pytest.fixture
def keyring(archive: Miniature, tmp_path: Path) -> Path:
    return archive.keyring(tmp_path / "keyring")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder with a space and a non-ASCII letter in its name."""
    folder = tmp_path / "my cäche"
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(folder))
    monkeypatch.delenv("VISORBENCH_MIRROR", raising=False)
    return folder


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that is mounted read-only, which stops root as well."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=False, capture_output=True
    )
    if mount.returncode:
        folder.chmod(0o555)
        if _can_write(folder):
            pytest.skip("cannot-mount: root without the right to mount has no read-only folder")
    yield folder
    if mount.returncode:
        folder.chmod(0o755)
    else:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def no_space_beyond() -> Callable[[int], AbstractContextManager[None]]:
    """``with no_space_beyond(n)``: a write that would make a file longer than n bytes fails, by RLIMIT_FSIZE."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)

    return limited


def _can_write(folder: Path) -> bool:
    try:
        (folder / "probe").touch()
    except OSError:
        return False
    (folder / "probe").unlink()
    return True
