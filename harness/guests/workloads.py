"""Workloads as programs, built once for each target and kept: ``<cache>/workloads/<name>-<target>/<key>/<program>``.

The key is a hash of everything that a program is made of (sources, compiler version, flags), so a cached program is
never stale, and finding it runs no compiler.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UnknownName
from harness.guests.toolchain import FLAGS, find_compiler
from harness.host.paths import cache_dir, shipped
from harness.host.storage import locked, new_folder

if TYPE_CHECKING:
    from pathlib import Path

    from harness.guests.toolchain import Target


@dataclass(frozen=True, slots=True)
class Recipe:
    """A workload: the C files of ``native/<name>/`` become one program."""

    name: str
    program: str
    flags: tuple[str, ...] = ()

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
        for part in (self.program, *target.arguments, *FLAGS, *self.flags, "zig", compiler_version):
            digest.update(f"{part}\0".encode())
        for path in sorted([*self.folder.glob("*.c"), *self.folder.glob("*.h")]):
            digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
        return digest.hexdigest()


RECIPES = {recipe.name: recipe for recipe in [Recipe("compute", "vb-compute")]}


def find_workload(name: str, target: Target) -> Path | None:
    """The program if it is built already, else None; raises UnknownName, ToolMissing."""
    recipe = _recipe(name)
    program = _place(recipe, target)
    return program if program.is_file() else None


def workload(name: str, target: Target) -> Path:
    """The program, built when it is missing; processes that want the same one build it once.

    A first build takes up to a minute on two cores, and no network. Raises UnknownName, ToolMissing, BuildFailed,
    DiskFull, CacheReadOnly.
    """
    recipe = _recipe(name)
    program = _place(recipe, target)
    if program.is_file():  # before the lock, so that a read-only cache will do
        return program
    folder = program.parent
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not program.is_file():
            with new_folder(folder) as draft:
                find_compiler().compile(
                    recipe.folder, recipe.sources(), draft / recipe.program, target, recipe.flags
                )
                (draft / recipe.program).chmod(0o755)
    return program


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise UnknownName("workload", name, RECIPES)
    return RECIPES[name]


def _place(recipe: Recipe, target: Target) -> Path:
    key = recipe.key(target, find_compiler().version)
    return cache_dir() / "workloads" / f"{recipe.name}-{target}" / key[:16] / recipe.program
