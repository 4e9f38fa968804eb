"""The C compiler that builds workloads for every guest and host: zig's clang, a Python package with all its libraries.

One compiler, one optimisation level and the plainest processor of each architecture, wherever the program will run:
a difference between host and guest is then never the compiler's.
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import BuildFailed, DiskFull, HostLacks, ToolMissing
from harness.guests.model import Arch
from harness.host.paths import cache_dir
from harness.host.processes import spawn
from harness.host.storage import ELSEWHERE
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FLAGS = (
    "-std=c11",
    "-O2",
    "-ffp-contract=off",  # arm64 has fused multiply-add in its baseline and x86-64 has not: same bits on both
    "-Wall",
    "-Wextra",
    "-Werror",
    "-s",
)
SHARED = ("-shared", "-fPIC", "-fvisibility=hidden", "-pthread")
BUILD_TIMEOUT_S = 600

_PROCESSORS = {Arch.ARM64: "generic", Arch.X86_64: "x86_64"}
_ZIG_ARCHS = {Arch.ARM64: "aarch64", Arch.X86_64: "x86_64"}
_SYSTEMS = {"linux": "linux-musl", "macos": "macos"}
_DYNAMIC_SYSTEMS = {"linux": "linux-gnu.2.28", "macos": "macos"}
"""glibc 2.28 is of 2018: older than every guest, and what libraries in manylinux_2_28 wheels need."""
_BESIDE = {"linux": "$ORIGIN", "macos": "@loader_path"}
"""How a program names the folder that it is in."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a program is built for: ``os`` is ``linux`` or ``macos``."""

    os: str
    arch: Arch

    def __str__(self) -> str:
        return f"{self.os}-{self.arch}"

    @property
    def arguments(self) -> list[str]:
        """The compiler's words for it. Linux programs are static, so they run in any guest and on any host."""
        return [*self._machine(_SYSTEMS), *(["-static"] if self.os == "linux" else [])]

    @property
    def dynamic_arguments(self) -> list[str]:
        """The same for a program that uses the system's libraries, and those that lie beside it."""
        return [*self._machine(_DYNAMIC_SYSTEMS), f"-Wl,-rpath,{_BESIDE[self.os]}"]

    def _machine(self, systems: Mapping[str, str]) -> list[str]:
        triple = f"{_ZIG_ARCHS[self.arch]}-{systems[self.os]}"
        return ["-target", triple, f"-mcpu={_PROCESSORS[self.arch]}"]


def guest_target(arch: Arch) -> Target:
    """What the reference guests run."""
    return Target("linux", arch)


def host_target() -> Target:
    """What this host runs; raises HostLacks where workloads cannot run."""
    system = {"Linux": "linux", "Darwin": "macos"}.get(platform.system())
    machine = platform.machine().lower()
    if system == "macos" and "ARM64" in platform.version():  # an x86-64 Python under Rosetta says x86_64
        machine = "arm64"
    arch = {"x86_64": Arch.X86_64, "amd64": Arch.X86_64, "aarch64": Arch.ARM64, "arm64": Arch.ARM64}.get(
        machine
    )
    if system is None or arch is None:
        raise HostLacks(
            f"workloads cannot run natively on {platform.system()} {machine}",
            fix="Linux and macOS on arm64 and x86-64 have a native baseline; the guests can still be measured",
        )
    return Target(system, arch)


@dataclass(frozen=True, slots=True)
class SharedLibrary:
    """A library that a program is linked with and that must lie beside it when it runs."""

    name: str
    """As in ``-l``: ``wgpu_native`` for libwgpu_native.so."""
    file: Path
    headers: Path
    """The folder of its headers."""

    @property
    def arguments(self) -> list[str]:
        """The compiler's words for it. Found by its name and not by its path, or the program would keep the path."""
        return ["-isystem", str(self.headers), f"-L{self.file.parent}", f"-l{self.name}"]


@dataclass(frozen=True, slots=True)
class Compiler:
    """A zig of the Python package ``ziglang``."""

    program: Path
    version: str

    def compile(
        self,
        folder: Path,
        sources: Sequence[str],
        program: Path,
        target: Target,
        flags: Sequence[str] = (),
        *,
        library: SharedLibrary | None = None,
        shared: bool = False,
    ) -> None:
        """Build ``program`` from C sources of ``folder``; the same sources, version and flags give the same bytes.

        ``shared``: it is a library itself. Without a ``library`` a program is static where the system has static
        programs. The first build for a target also builds its C library, which takes half a minute on two cores.
        Everything the compiler keeps lies under the cache. Raises BuildFailed, DiskFull, CacheReadOnly.
        """
        # Sources are relative to the working directory: no path of this host gets into the program.
        argv = [
            str(self.program),
            "cc",
            *(target.dynamic_arguments if library or shared else target.arguments),
            *(SHARED if shared else ()),
            *FLAGS,
            *flags,
            *sources,
            *(library.arguments if library else ()),
            "-lm",
            "-o",
            str(program),
        ]
        run_compiler(argv, program, target, folder=folder)


def run_compiler(argv: Sequence[str], product: Path, target: Target, *, folder: Path) -> None:
    """Run a compiler in ``folder`` until it has made ``product``; raises BuildFailed, DiskFull, CacheReadOnly."""
    zig_cache = cache_dir() / "zig"
    with (
        naming_write_errors("what the compiler keeps", zig_cache, elsewhere=ELSEWHERE),
        tempfile.TemporaryFile() as output,
    ):
        zig_cache.mkdir(parents=True, exist_ok=True)
        process = spawn(
            argv,
            purpose=f"compile {product.name} for {target}",
            stdout=output,
            stderr=output,
            cwd=folder.resolve(),
            env=_environment(zig_cache),
        )
        try:
            status = process.wait(BUILD_TIMEOUT_S)
        except TimeoutError:
            status = None
        finally:
            process.kill()
            with suppress(TimeoutError):  # or it would write into folders that are being removed
                process.wait(5)
        if status != 0:
            output.seek(0)
            raise _failed(argv, product, target, status, output.read(1 << 20).decode(errors="replace"))


def find_compiler() -> Compiler:
    """The installed zig; raises ToolMissing. Runs nothing."""
    from importlib import metadata, util  # noqa: PLC0415 - only who builds pays for it

    spec = util.find_spec("ziglang")
    folders = list(spec.submodule_search_locations or []) if spec else []
    programs = [
        path for folder in folders for path in sorted(Path(folder).glob("zig*")) if path.stem == "zig"
    ]
    try:
        return Compiler(programs[0], metadata.version("ziglang"))
    except (IndexError, metadata.PackageNotFoundError):
        raise ToolMissing("the compiler for workloads is not installed", fix="pip install ziglang") from None


def _environment(zig_cache: Path) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("ZIG_", "C_INCLUDE"))
    }
    return {**inherited, "ZIG_GLOBAL_CACHE_DIR": str(zig_cache), "ZIG_LOCAL_CACHE_DIR": str(zig_cache)}


def _failed(
    argv: Sequence[str], program: Path, target: Target, status: int | None, output: str
) -> BuildFailed | DiskFull:
    if "NoSpaceLeft" in output or "No space left" in output:
        return DiskFull(
            f"no space left to compile {program.name} in {cache_dir()}",
            fix="free some space, or set VISORBENCH_CACHE_DIR to another disk", path=program,
        )  # fmt: skip
    errors = [line for line in output.splitlines() if re.search(r"\b(error|undefined)\b", line)][:5]
    said = "; ".join(errors) or output.strip()[:300] or "nothing"
    how = f"did not end within {BUILD_TIMEOUT_S} s" if status is None else f"ended with status {status}"
    return BuildFailed(
        f"{program.name} for {target} did not compile: {Path(argv[0]).stem} {how} and said: {said}",
        argv=argv, status=status, stderr=output,
    )  # fmt: skip
