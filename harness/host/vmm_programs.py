"""vfkit, krunkit, gvproxy and vmnet-helper on this host: where they are, and which versions they say they are.

``$VISORBENCH_VFKIT`` and the like name one; else PATH, Homebrew, or Podman's package has it.
A version with ``+double`` in it is a stand-in of the tests: machines may run on it, nothing is measured on it.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ToolMissing, VmmNotFound, VmmTooOld
from harness.host.transcript import transcribe

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACES = (
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/opt/podman/bin",
    "/opt/vmnet-helper/bin",
    "/opt/homebrew/opt/podman/libexec/podman",
)
OLDEST = {"vfkit": (0, 6, 1), "krunkit": (1, 3, 1), "gvproxy": (0, 7, 0), "vmnet-helper": (0, 9, 0)}
"""vfkit 0.6.1 was the first to give a guest's console a pseudo-terminal; every krunkit before 1.3.1 ends its guest at
any POST; vmnet-helper 0.9.0 is the first in Homebrew."""
INSTALL = {
    "vfkit": "brew install vfkit",
    "krunkit": "brew tap slp/krun && brew install krunkit",
    "gvproxy": "brew install podman, which brings it along",
    "vmnet-helper": "on macOS 26 or newer, brew tap nirs/vmnet-helper && brew install vmnet-helper",
}
DOUBLE = "+double"

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.(\d+)(\+double)?")
_VERSION_DEADLINE_S = 30
"""The first start of a program that macOS has not checked yet takes seconds."""


@dataclass(frozen=True, slots=True)
class VmmProgram:
    """A program that answered ``--version``."""

    name: str
    path: Path
    version: tuple[int, int, int]
    double: bool = False

    @property
    def version_text(self) -> str:
        """``0.6.1``, or ``0.6.1+double``."""
        return ".".join(map(str, self.version)) + (DOUBLE if self.double else "")


def variable(name: str) -> str:
    """The environment variable that names the program."""
    return f"VISORBENCH_{name.upper().replace('-', '_')}"


def is_double(version: str) -> bool:
    """Whether a backend's version is that of a stand-in."""
    return DOUBLE in version


def locate(name: str, *, places: Sequence[str] = PLACES) -> Path:
    """Where the program is; raises VmmNotFound."""
    if named := os.environ.get(variable(name)):
        path = Path(named).expanduser()
        if path.is_file() and os.access(path, os.X_OK):
            return path
        raise VmmNotFound(
            f"{variable(name)} names {named}, which is no program",
            fix=f"correct it, or unset it: {INSTALL[name]}",
        )
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise VmmNotFound(
            f"there is no {name} on PATH, in Homebrew's folders or in Podman's",
            fix=f"{INSTALL[name]}, or name one with {variable(name)}",
        )
    return Path(found)


def program(name: str) -> VmmProgram:
    """The program to use. Raises VmmNotFound, VmmTooOld."""
    path = locate(name)
    try:
        said = transcribe([path, "--version"], purpose=f"{name} --version", deadline_s=_VERSION_DEADLINE_S)
    except (ToolMissing, OSError) as error:
        raise VmmNotFound(f"{path} cannot be run: {error}", fix=INSTALL[name]) from error
    match = _VERSION.search((said.stdout + said.stderr).decode(errors="replace"))
    if match is None:
        how = "did not end" if said.ending == "deadline" else f"ended with status {said.status}"
        raise VmmNotFound(f"{path} does not tell its version: it {how}", fix=f"{INSTALL[name]}")
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < OLDEST[name]:
        text, oldest = (".".join(map(str, each)) for each in (version, OLDEST[name]))
        raise VmmTooOld(
            f"{path} is {name} {text}, and the harness needs {oldest}", fix=f"brew upgrade {name}"
        )
    return VmmProgram(name, path, version, double=bool(match[4]))
