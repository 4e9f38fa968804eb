"""A runtime as it lies on disk.

::

    <cache>/runtimes/<name>/installed.json      which one is installed, and of which description: written last, so it is
                                                the commit
    <cache>/runtimes/<name>/<fingerprint>/
        manifest.json                           what it was made of
        tree/                                   usr/, etc/ and links: a root without a system
        launchers/bwrap/                        wrappers that run a program with the tree as its root
        launchers/loader/                       wrappers that run it by the tree's dynamic loader
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MANIFEST = "manifest.json"
TREE = "tree"
LAUNCHERS = "launchers"
RUN = "run"
"""The wrapper that runs any program of the tree."""
FORMAT = 1
"""Part of every manifest: raised when a tree or its wrappers are laid out in another way."""
_TOLD = (("qemu-system-x86", "QEMU"), ("libvirglrenderer1", "virglrenderer"), ("mesa-libgallium", "Mesa"))


class Way(StrEnum):
    """How a program of a runtime is run."""

    BWRAP = "bwrap"
    """In a mount namespace of its own (bubblewrap), where the tree is /usr and the rest is the host's."""
    LOADER = "loader"
    """On the host as it is, by the tree's dynamic loader and with the tree's libraries."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An installed runtime."""

    name: str
    fingerprint: str
    """SHA-256 of what it was made of: every package's version and hash, and what was taken of them."""
    packages: Mapping[str, str]
    """Package → version."""
    root: Path

    @property
    def tree(self) -> Path:
        return self.root / TREE

    @property
    def label(self) -> str:
        """For people and for a subject's settings: the name, the fingerprint's beginning, what matters most in it."""
        told = (
            f"{word} {upstream(self.packages[package])}"
            for package, word in _TOLD
            if package in self.packages
        )
        return ", ".join([f"{self.name} {self.fingerprint[:12]}", *told])

    def programs(self, way: Way) -> Path:
        """The folder of wrappers, e.g. ``qemu-system-x86_64``: what ``--qemu`` takes."""
        return self.root / LAUNCHERS / way.value

    def command(self, argv: Sequence[str], way: Way) -> list[str]:
        """The argv that runs ``argv`` of the tree."""
        return [str(self.programs(way) / RUN), *argv]


def read(root: Path) -> Runtime:
    """The runtime at ``root``; raises InvalidConfiguration when it is none, or of another format."""
    try:
        manifest = json.loads((root / MANIFEST).read_bytes())
        packages = {name: facts["version"] for name, facts in manifest["packages"].items()}
        if manifest["format"] != FORMAT:
            raise InvalidConfiguration(
                f"the runtime {root} was made by another version of the harness",
                fix=f"run `visorbench runtime install {manifest['runtime']}`", path=root,
            )  # fmt: skip
        return Runtime(manifest["runtime"], fingerprint(manifest), packages, root)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InvalidConfiguration(
            f"{root} is not a managed runtime",
            fix="name the folder with its manifest.json, as `visorbench runtime list` shows it",
            path=root,
        ) from None


def containing(program: Path) -> Runtime | None:
    """The runtime that a wrapper belongs to, or None for any other program; follows links."""
    real = program.resolve()
    if real.parent.parent.name != LAUNCHERS:
        return None
    try:
        return read(real.parents[2])
    except InvalidConfiguration:
        return None


def fingerprint(manifest: Mapping[str, object]) -> str:
    """SHA-256 of a manifest in its canonical form: keys sorted, no spaces.

    The suites are left out: their dates change several times a day, while the same packages make the same runtime.
    """
    import hashlib  # noqa: PLC0415 - OpenSSL is slow to load

    same = {key: value for key, value in manifest.items() if key != "suites"}
    return hashlib.sha256(json.dumps(same, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def upstream(version: str) -> str:
    """The upstream part of a Debian version: ``10.0.13`` of ``1:10.0.13+ds-0+deb13u1``."""
    return (
        version.partition(":")[2].partition("-")[0].partition("+")[0]
        or version.partition("-")[0].partition("+")[0]
    )
