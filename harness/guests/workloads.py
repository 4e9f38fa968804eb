"""Workloads as programs, built once for each target and kept: ``<cache>/workloads/<name>-<target>/<key>/<program>``.

The key is a hash of everything that a program is made of (sources, compiler version, flags, libraries), so a cached
program is never stale, and finding it runs no compiler. A library that a program needs lies in its folder.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import CacheReadOnly, UnknownName
from harness.guests.shaders import write_shader_headers
from harness.guests.toolchain import FLAGS, SHARED, find_compiler
from harness.guests.wgpu_native import identity, wgpu_native
from harness.host.paths import cache_dir, shipped
from harness.host.storage import locked, new_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.guests.toolchain import Target


@dataclass(frozen=True, slots=True)
class Recipe:
    """A workload: the C files of ``native/<name>/`` become one program, its shaders inside it; or one library."""

    name: str
    program: str
    flags: tuple[str, ...] = ()
    uses_wgpu: bool = False
    shared: bool = False
    """It is a library that the harness loads."""

    @property
    def folder(self) -> Path:
        """Where its sources are."""
        return shipped("native", self.name)

    def sources(self) -> list[str]:
        """The C files, in one order everywhere."""
        return sorted(path.name for path in self.folder.glob("*.c"))

    def key(self, target: Target, compiler_version: str) -> str:
        """SHA-256 of everything the program is made of."""
        digest = hashlib.sha256()
        dynamic = self.uses_wgpu or self.shared
        linked = [
            *(target.dynamic_arguments if dynamic else target.arguments),
            *([identity(target)] if self.uses_wgpu else ()),
            *(SHARED if self.shared else ()),
        ]
        for part in (self.program, *linked, *FLAGS, *self.flags, "zig", compiler_version):
            digest.update(f"{part}\0".encode())
        own = (path for kind in ("c", "h", "wgsl") for path in self.folder.glob(f"*.{kind}"))
        for path in sorted([*own, *self.folder.parent.glob("*.h")]):
            digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
        return digest.hexdigest()

    def build(self, folder: Path, target: Target, flags: Sequence[str] = ()) -> Path:
        """The program in ``folder``, and beside it the library that it needs.

        ``flags`` come after the recipe's own. Raises what :func:`workload` raises.
        """
        library = wgpu_native(target) if self.uses_wgpu else None
        program = folder / self.program
        with tempfile.TemporaryDirectory() as headers:
            write_shader_headers(self.folder, Path(headers))
            every_flag = [*self.flags, *([f"-I{headers}"] if self.uses_wgpu else []), *flags]
            find_compiler().compile(
                self.folder, self.sources(), program, target, every_flag, library=library, shared=self.shared
            )
        program.chmod(0o755)
        if library:
            shutil.copy(library.file, folder)
        return program


RECIPES = {
    recipe.name: recipe
    for recipe in [
        Recipe("compute", "vb-compute"),
        Recipe("gpu", "vb-gpu", ("-std=c17", "-Wpedantic"), uses_wgpu=True),
        Recipe("vsock", "vb-vsock", ("-std=c17", "-Wpedantic", "-D_GNU_SOURCE")),
        Recipe("transport", "vb-transport", ("-std=c17", "-Wpedantic", "-D_GNU_SOURCE")),
        Recipe("pattern", "vb-pattern", ("-D_GNU_SOURCE",)),
        Recipe("watch", "vb-watch", ("-std=c17", "-Wpedantic", "-D_GNU_SOURCE")),
        Recipe("stamp", "libvbstamp.so", ("-std=c17", "-Wpedantic", "-D_GNU_SOURCE"), shared=True),
    ]
}


def find_workload(name: str, target: Target) -> Path | None:
    """The program if it is built already, else None; raises UnknownName, ToolMissing, HostLacks, CacheReadOnly."""
    program = _place(_recipe(name), target)
    return program if _is_there(program) else None


def workload(name: str, target: Target) -> Path:
    """The program, built when it is missing; processes that want the same one build it once.

    A first build takes up to a minute on two cores, and no network but for wgpu-native. Raises UnknownName,
    ToolMissing, BuildFailed, DiskFull, CacheReadOnly, and what :func:`harness.guests.wgpu_native.wgpu_native` raises.
    """
    recipe = _recipe(name)
    program = _place(recipe, target)
    if _is_there(program):  # before the lock, so that a read-only cache will do
        return program
    folder = program.parent
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not program.is_file():
            with new_folder(folder) as draft:
                recipe.build(draft, target)
    return program


def build_each(names: Sequence[str], target: Target) -> None:
    """Build these one after the other; raises what :func:`workload` raises."""
    for name in names:
        workload(name, target)


def _is_there(program: Path) -> bool:
    try:
        return program.is_file()
    except PermissionError as error:
        raise CacheReadOnly.of_another(error) from error


def libraries_of(program: Path) -> tuple[Path, ...]:
    """What must lie beside a program of :func:`workload` where it runs."""
    return tuple(sorted(path for path in program.parent.iterdir() if path != program))


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise UnknownName("workload", name, RECIPES)
    return RECIPES[name]


def _place(recipe: Recipe, target: Target) -> Path:
    key = recipe.key(target, find_compiler().version)
    return cache_dir() / "workloads" / f"{recipe.name}-{target}" / key[:16] / recipe.program
