"""A runtime in miniature, made of this host's own loader, C library and ``echo``; and the real one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from functools import cache as cache_once
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import ArchiveUnreachable
from harness.runtimes import catalogue
from harness.runtimes.model import Runtime, Way
from harness.runtimes.spec import RuntimeSpec
from harness.runtimes.ways import refusal
from tests.archive.fixtures import archive, cache, keyring, no_space_beyond, read_only_folder
from tests.archive.miniature import Miniature, deb, regular, special

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["archive", "cache", "keyring", "no_space_beyond", "read_only_folder"]

TRIPLET = "x86_64-linux-gnu"
SPEC = RuntimeSpec(
    description="a program of the host",
    suite="trixie",
    programs=("echo",),
    packages=("hello",),
    exclude=("systemd",),
    drop=("usr/share/doc/*",),
)


def pytest_ignore_collect() -> bool | None:
    """Runtimes are made of Linux programs."""
    return True if sys.platform != "linux" else None


def libraries_of(program: str) -> dict[str, Path]:
    """Name → file of the host's libraries that ``program`` is linked with, the loader included."""
    lines = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout.split()
    return {Path(word).name: Path(word).resolve() for word in lines if word.startswith("/")}


@cache_once
def hello(version: str) -> bytes:
    """The package of echo, under another name too."""
    program = shutil.which("echo")
    assert program
    return deb(
        [
            regular("./usr/bin/echo", Path(program).read_bytes(), 0o4755),
            regular("./usr/share/hello/version", version.encode()),
            regular("./usr/share/doc/hello/copyright", b"words"),
            special("./usr/bin/say", tarfile.SYMTYPE, "/usr/bin/echo"),
        ]
    )


@cache_once
def libc6() -> bytes:
    """The package of what echo is linked with, its loader where Debian has it."""
    program = shutil.which("echo")
    assert program
    libraries = libraries_of(program)
    loader = next(name for name in libraries if name.startswith("ld-linux"))
    folder = f"./usr/lib/{TRIPLET}"
    return deb(
        [
            *(regular(f"{folder}/{name}", path.read_bytes(), 0o755) for name, path in libraries.items()),
            special(f"./lib64/{loader}", tarfile.SYMTYPE, f"/lib/{TRIPLET}/{loader}"),
        ]
    )


def fill(archive: Miniature, version: str = "1") -> None:
    """The packages of a runtime: hello and what it needs."""
    archive.stanzas.clear()
    archive.add("hello", version, hello(version), depends="libc6 (>= 2), systemd")
    archive.add("libc6", version, libc6())
    archive.add("systemd", version, deb([regular("./usr/lib/systemd/systemd", b"")]))
    archive.publish(Version=f"13.{version}")


@pytest.fixture
def install(archive: Miniature, keyring: Path, cache: Path) -> Callable[..., Runtime]:
    """Installs the miniature as the runtime ``mini``."""
    fill(archive)

    def install(**more: object) -> Runtime:
        return catalogue.ensure("mini", **({"spec": SPEC, "mirror": archive.url, "keyring": keyring} | more))

    return install


@pytest.fixture(scope="session")
def gpu_runtime() -> Runtime:
    """The real one, installed in the user's cache when it is not."""
    if not catalogue.possible_here():
        pytest.skip("wrong-host: runtimes are made of Linux programs for x86-64 and arm64")
    try:
        return catalogue.ensure(catalogue.GPU)
    except ArchiveUnreachable as error:
        pytest.skip(f"the runtime gpu is not installed, and {error}")


@pytest.fixture(params=list(Way))
def way(request: pytest.FixtureRequest, gpu_runtime: Runtime) -> Way:
    """Each way that this host allows."""
    complaint = refusal(gpu_runtime, request.param)
    if complaint is not None:
        pytest.skip(f"no-{request.param}: {complaint}")
    chosen: Way = request.param
    return chosen
