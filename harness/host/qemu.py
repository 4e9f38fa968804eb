"""Every QEMU on this host, and the one to use for an architecture.

What a file (:mod:`harness.host.qemu_places`) turns out to be is asked of the file itself (``--version``, then QMP) and
remembered on disk until it, or a folder of QEMU modules beside it, changes.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import QemuNotFound, QemuTooOld, ToolMissing, UnknownName
from harness.host import qemu_memory, utm
from harness.host.introspection import IntrospectionError, QemuFeatures, introspect
from harness.host.qemu_places import ARCH_OF_TARGET, NAMED, VARIABLE, candidates, told
from harness.host.transcript import transcribe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OLDEST = (7, 0, 0)
"""The oldest QEMU that the harness drives."""

_VERSION = re.compile(r"QEMU emulator version (\d+)\.(\d+)(?:\.(\d+))?[^\n]*")
_BUILD = re.compile(r"\((.*)\)\s*$")
_VERSION_DEADLINE_S = 2.5
_QMP_DEADLINE_S = 3.5
_SURVEY_DEADLINE_S = 6.5
"""For all of them: `visorbench doctor` answers within 15 s, and its proofs take up to half of that."""
_ASKED_AT_ONCE = 16
"""One that hangs costs a thread and no CPU; more QEMUs than this are on no host but a tester's."""

_NEWER = "install a newer QEMU, or name one with --qemu PATH"


@dataclass(frozen=True, slots=True)
class QemuBinary:
    """A QEMU that answered, new enough or not."""

    path: Path
    arch: str
    """``arm64`` or ``x86-64``: what its guests are."""
    version: tuple[int, int, int]
    version_text: str
    """The first line of ``--version``."""
    source: str
    """Where it was found: ``--qemu``, ``VISORBENCH_QEMU``, ``PATH``, ``Homebrew``, ``libexec``, ``UTM.app``."""
    features: QemuFeatures

    @property
    def too_old(self) -> bool:
        return self.version < OLDEST

    def build(self) -> str:
        """What tells it from others of its version: the package or commit that ``--version`` names, and its file."""
        named = _BUILD.search(self.version_text)
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
        return f"{named[1]}, sha256 {digest}" if named else f"sha256 {digest}"


@dataclass(frozen=True, slots=True)
class RejectedQemu:
    """A file that was found, or named, as a QEMU and cannot be used as one."""

    path: Path
    source: str
    reason: str
    fix: str = ""
    version: str = ""
    """Where it is known without asking."""


def find_qemus(explicit: Path | str | None = None) -> list[QemuBinary]:
    """Every usable QEMU for arm64 and x86-64, the preferred one first.

    Raises QemuNotFound when ``explicit`` or $VISORBENCH_QEMU names something that is no QEMU.
    """
    return survey(explicit)[0]


def survey(explicit: Path | str | None = None) -> tuple[list[QemuBinary], list[RejectedQemu]]:
    """The usable ones, and what was found and rejected; raises as find_qemus.

    Takes _SURVEY_DEADLINE_S and a moment at most: the preferred ones are asked first, and what nobody came to ask in
    that time is rejected as such.
    """
    found = list(candidates(explicit))
    deadline = time.monotonic() + _SURVEY_DEADLINE_S
    with ThreadPoolExecutor(_ASKED_AT_ONCE, "qemu-survey") as pool:
        results = list(pool.map(lambda one: examine(*one, deadline=deadline), found))
    usable = [result for result in results if isinstance(result, QemuBinary)]
    rejected = [result for result in results if isinstance(result, RejectedQemu)]
    for result in rejected:
        if result.source in (NAMED, VARIABLE):
            raise QemuNotFound(
                f"{result.path}{told(result.source)} {result.reason}", fix=result.fix, path=result.path
            )
    return usable, [*rejected, *_inside_utm()]


def qemu_for(arch: str, explicit: Path | str | None = None) -> QemuBinary:
    """The QEMU to use for guests of ``arch``; raises QemuNotFound, QemuTooOld, and UnknownName for the arch."""
    return choose(find_qemus(explicit), arch)


def choose(found: Sequence[QemuBinary], arch: str) -> QemuBinary:
    """The one to use of those found, which are in order of preference; raises as qemu_for.

    One that the user named is used or refused, never passed over for another.
    """
    if arch not in ARCH_OF_TARGET.values():
        raise UnknownName("architecture", arch, ARCH_OF_TARGET.values())
    named = [qemu for qemu in found if qemu.source in (NAMED, VARIABLE)]
    fitting = [qemu for qemu in named or found if qemu.arch == arch]
    for qemu in fitting:
        if not qemu.too_old:
            return qemu
    if fitting:
        old = fitting[0]
        raise QemuTooOld(
            f"{old.path} is {old.version_text}, and the harness needs QEMU {'.'.join(map(str, OLDEST[:2]))} or newer",
            fix=_NEWER,
            path=old.path,
            version=old.version,
        )
    if named:
        raise QemuNotFound(
            f"{named[0].path}{told(named[0].source)} runs {named[0].arch} guests, not {arch}",
            fix=f"name a QEMU for {arch}, or a folder that holds both",
            arch=arch,
        )
    raise QemuNotFound(
        f"no QEMU for {arch} guests on this host",
        fix="run `visorbench setup`, or name one with --qemu PATH",
        arch=arch,
    )


def examine(path: Path, source: str, *, deadline: float = math.inf) -> QemuBinary | RejectedQemu:
    """Ask one file what it is; never raises for what a file may turn out to be.

    ``deadline`` (``time.monotonic()``) ends the questions early; a file that needed longer is then not blamed for it.
    """
    if not path.is_file():
        return RejectedQemu(path, source, "is not a file", "name a QEMU binary, or a folder that holds some")
    if not os.access(path, os.X_OK):
        return RejectedQemu(path, source, "is not executable", "name an executable QEMU binary")
    known = qemu_memory.recall(path)
    if known is None:
        left_s = deadline - time.monotonic()
        try:
            known = _ask(path, deadline)
        except (IntrospectionError, ToolMissing) as error:
            if time.monotonic() >= deadline and left_s < _VERSION_DEADLINE_S + _QMP_DEADLINE_S:
                return _not_asked(path, source)
            fix = error.fix if isinstance(error, ToolMissing) else None
            why = error.message if isinstance(error, ToolMissing) else str(error)
            return RejectedQemu(path, source, why, fix or "name another with --qemu PATH")
        qemu_memory.remember(path, known)
    return _verdict(path, source, *known)


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The version in what ``--version`` prints; None when that is not a QEMU."""
    match = _VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def _verdict(path: Path, source: str, version_text: str, features: QemuFeatures) -> QemuBinary | RejectedQemu:
    version = parse_version(version_text) or (0, 0, 0)
    arch = ARCH_OF_TARGET.get(features.target)
    if arch is None and version < OLDEST:
        return RejectedQemu(path, source, f"is too old: {version_text}", _NEWER)
    if arch is None:
        return RejectedQemu(
            path, source, f"is a QEMU for {features.target} guests, which the harness does not boot"
        )
    return QemuBinary(path, arch, version, version_text, source, features)


def _not_asked(path: Path, source: str) -> RejectedQemu:
    return RejectedQemu(
        path,
        source,
        "was not asked in time: the QEMUs before it took too long to answer",
        "remove those that do not answer from PATH, or name this one with --qemu PATH",
    )


def _ask(path: Path, deadline: float) -> tuple[str, QemuFeatures]:
    """First the question that any program survives, then QMP; raises IntrospectionError, ToolMissing."""
    said = transcribe(
        [path, "--version"], purpose="qemu version", deadline_s=_share(_VERSION_DEADLINE_S, deadline)
    )
    if said.ending != "ended":
        raise IntrospectionError(f"did not answer --version within {_VERSION_DEADLINE_S:g} s")
    text = said.stdout.decode(errors="replace")
    version = parse_version(text)
    if version is None:
        raise IntrospectionError("is not QEMU: --version prints no QEMU version")
    line = next(line for line in text.splitlines() if _VERSION.search(line)).strip()
    if version < OLDEST:  # too old to be trusted with the questions: its name must do
        target = path.name.removeprefix("qemu-system-")
        return line, QemuFeatures(target, (), (), False, False, False, False, False)  # noqa: FBT003
    return line, introspect(path, deadline_s=_share(_QMP_DEADLINE_S, deadline))


def _share(wanted_s: float, deadline: float) -> float:
    """As long as is wanted, or what is left; raises IntrospectionError when nothing is."""
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise IntrospectionError("was not asked in time")
    return min(wanted_s, left_s)


def _inside_utm() -> list[RejectedQemu]:
    """UTM's own QEMUs: found and explained, not run."""
    return [
        RejectedQemu(
            library.path,
            utm.SOURCE,
            f"is a library{_versions(library)} that only UTM's sandboxed launcher can run",
            "install QEMU with `brew install qemu` to measure it outside UTM",
            version=library.qemu_version,
        )
        for library in utm.libraries(ARCH_OF_TARGET)
    ]


def _versions(library: utm.UtmQemu) -> str:
    told = (("QEMU", library.qemu_version), ("UTM", library.utm_version))
    known = ", ".join(f"{name} {version}" for name, version in told if version)
    return f" ({known})" if known else ""
