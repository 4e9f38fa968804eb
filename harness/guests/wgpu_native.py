"""wgpu-native, the library that gives one program Vulkan, OpenGL ES, Metal and Direct3D: from the wheels of ``wgpu``.

A wheel is fetched by pip from the package index that this host is configured for, once, by its hash; then it lies in
``<cache>/wgpu-native/<version>/<target>/`` and no network is needed.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ArchiveCorrupt, ArchiveUnreachable, HostLacks, ToolMissing
from harness.guests.model import Arch
from harness.guests.toolchain import SharedLibrary, Target
from harness.host.paths import cache_dir
from harness.host.processes import spawn
from harness.host.storage import locked, new_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "0.32.0"
DOWNLOAD_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel: for which platform, and its SHA-256."""

    platform: str
    sha256: str
    library: str
    """The library's file name in it."""


WHEELS: Mapping[Target, Wheel] = {
    Target("linux", Arch.X86_64): Wheel(
        "manylinux_2_28_x86_64",
        "6499a31b5a29a10b4f1089fea4a0806411f42605fa86b6c0b543a07ca0de8568",
        "libwgpu_native-release.so",
    ),
    Target("linux", Arch.ARM64): Wheel(
        "manylinux_2_28_aarch64",
        "00454ba1bc794d38c8365f4ad29f381b88ce0a7f115133bfaa6f1dfad7eb2764",
        "libwgpu_native-release.so",
    ),
    Target("macos", Arch.ARM64): Wheel(
        "macosx_11_0_arm64",
        "6c3f654ea01ab2de8a2903354ced02a3c6ef161d0fba1aa4fea60aa86d021908",
        "libwgpu_native-release.dylib",
    ),
}


def identity(target: Target) -> str:
    """What decides the library's bytes; raises HostLacks for a target that no wheel is for."""
    return f"wgpu-native {VERSION} {_wheel(target).sha256}"


def wgpu_native(target: Target) -> SharedLibrary:
    """The library and its headers, fetched when they are missing; processes that want them fetch them once.

    Raises HostLacks for a target that no wheel is for, ToolMissing without pip, ArchiveUnreachable, ArchiveCorrupt,
    DiskFull, CacheReadOnly.
    """
    wheel = _wheel(target)
    folder = cache_dir() / "wgpu-native" / VERSION / str(target)
    suffix = Path(wheel.library).suffix
    library = SharedLibrary("wgpu_native", folder / f"libwgpu_native{suffix}", folder)
    if not library.file.is_file():
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not library.file.is_file():
                with new_folder(folder) as draft, tempfile.TemporaryDirectory(dir=draft) as download:
                    _unpack(_download(wheel, Path(download)), wheel, draft, library.file.name)
    return library


def _wheel(target: Target) -> Wheel:
    if target not in WHEELS:
        raise HostLacks(
            f"wgpu-native is not built for {target}, so no GPU workload runs there",
            fix=f"it is built for {', '.join(str(known) for known in WHEELS)}",
        )
    return WHEELS[target]


def _download(wheel: Wheel, folder: Path) -> Path:
    """The wheel in ``folder``, its hash checked by pip and again by us."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"wgpu=={VERSION} --hash=sha256:{wheel.sha256}\n")
    argv = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input",
        "--require-hashes", "--no-deps", "--only-binary=:all:", "--platform", wheel.platform,
        "--dest", str(folder), "--requirement", str(requirements),
    ]  # fmt: skip
    with tempfile.TemporaryFile() as output:
        process = spawn(argv, purpose="fetch wgpu-native", stdout=output, stderr=output)
        try:
            status = process.wait(DOWNLOAD_TIMEOUT_S)
        except TimeoutError:
            status = None
        finally:
            process.kill()
            with suppress(TimeoutError):  # or it would write into a folder that is being removed
                process.wait(5)
        output.seek(0)
        said = output.read(1 << 20).decode(errors="replace")
    wheels = list(folder.glob("*.whl"))
    if status != 0 or len(wheels) != 1:
        raise _failed(status, said)
    if hashlib.sha256(wheels[0].read_bytes()).hexdigest() != wheel.sha256:
        raise _changed()
    return wheels[0]


def _unpack(archive: Path, wheel: Wheel, folder: Path, library: str) -> None:
    members = {
        f"wgpu/resources/{wheel.library}": library,
        "wgpu/resources/webgpu.h": "webgpu.h",
        "wgpu/resources/wgpu.h": "wgpu.h",
        f"wgpu-{VERSION}.dist-info/licenses/LICENSE": "LICENSE",
    }
    with zipfile.ZipFile(archive) as wheel_file:
        for member, name in members.items():
            (folder / name).write_bytes(wheel_file.read(member))
    (folder / library).chmod(0o755)


def _failed(status: int | None, said: str) -> HostLacks | ArchiveCorrupt:
    if "No module named pip" in said:
        return ToolMissing(
            "pip, which fetches wgpu-native, is not installed", fix=f"{sys.executable} -m ensurepip"
        )
    if "DO NOT MATCH THE HASHES" in said:
        return _changed()
    how = f"did not end within {DOWNLOAD_TIMEOUT_S} s" if status is None else f"ended with status {status}"
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    return ArchiveUnreachable(
        f"wgpu-native {VERSION} cannot be fetched: pip {how} and said: {errors[0] if errors else 'nothing'}",
        fix="check the network and pip's configuration; with wgpu-native in the cache none is needed",
        output=said,
    )


def _changed() -> ArchiveCorrupt:
    return ArchiveCorrupt(
        f"the package index has another wgpu {VERSION} than the one whose SHA-256 is known",
        fix="use the index of PyPI, or a faithful mirror of it",
    )
