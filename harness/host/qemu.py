"""Every QEMU on this host, and the one to use for an architecture.

Looked for, in this order: ``--qemu PATH``, ``$VISORBENCH_QEMU`` (each a binary or a folder of binaries), PATH,
Homebrew, /usr/libexec, and inside UTM.app. What a file turns out to be is asked of the file itself (``--version``,
then QMP) and remembered on disk until it, or a folder of QEMU modules beside it, changes.
"""

from __future__ import annotations

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import QemuNotFound, QemuTooOld, ToolMissing, UnknownName
from harness.host import qemu_memory
from harness.host.introspection import IntrospectionError, QemuFeatures, introspect
from harness.host.transcript import transcribe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ARCH_OF_TARGET = {"aarch64": "arm64", "x86_64": "x86-64"}
"""QEMU's word for a guest architecture → ours."""
OLDEST = (7, 0, 0)
"""The oldest QEMU that the harness drives."""
VARIABLE = "VISORBENCH_QEMU"

_NAMES = (*(f"qemu-system-{target}" for target in ARCH_OF_TARGET), "qemu-kvm")
_HOMEBREW = (Path("/opt/homebrew/bin"), Path("/usr/local/bin"))
_LIBEXEC = (Path("/usr/libexec"),)
_VERSION = re.compile(r"QEMU emulator version (\d+)\.(\d+)(?:\.(\d+))?[^\n]*")
_VERSION_DEADLINE_S = 2.5
_ASKED_AT_ONCE = 4


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


@dataclass(frozen=True, slots=True)
class RejectedQemu:
    """A file that was found, or named, as a QEMU and cannot be used as one."""

    path: Path
    source: str
    reason: str
    fix: str = ""


def find_qemus(explicit: Path | str | None = None) -> list[QemuBinary]:
    """Every usable QEMU for arm64 and x86-64, the preferred one first.

    Raises QemuNotFound when ``explicit`` or $VISORBENCH_QEMU names something that is no QEMU.
    """
    return survey(explicit)[0]


def survey(explicit: Path | str | None = None) -> tuple[list[QemuBinary], list[RejectedQemu]]:
    """The usable ones, and what was found and rejected; raises as find_qemus."""
    candidates = list(_candidates(explicit))
    with ThreadPoolExecutor(_ASKED_AT_ONCE, "qemu-survey") as pool:
        results = list(pool.map(lambda found: examine(*found), candidates))
    usable = [result for result in results if isinstance(result, QemuBinary)]
    rejected = [result for result in results if isinstance(result, RejectedQemu)]
    for result in rejected:
        if result.source in ("--qemu", VARIABLE):
            raise QemuNotFound(
                f"{result.path} (from {result.source}) {result.reason}", fix=result.fix, path=result.path
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
    named = [qemu for qemu in found if qemu.source in ("--qemu", VARIABLE)]
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
            f"{named[0].path} (from {named[0].source}) runs {named[0].arch} guests, not {arch}",
            fix=f"name a QEMU for {arch}, or a folder that holds both",
            arch=arch,
        )
    raise QemuNotFound(
        f"no QEMU for {arch} guests on this host",
        fix="run `visorbench setup`, or name one with --qemu PATH",
        arch=arch,
    )


def examine(path: Path, source: str) -> QemuBinary | RejectedQemu:
    """Ask one file what it is; never raises for what a file may turn out to be."""
    if not path.is_file():
        return RejectedQemu(path, source, "is not a file", "name a QEMU binary, or a folder that holds some")
    if not os.access(path, os.X_OK):
        return RejectedQemu(path, source, "is not executable", "name an executable QEMU binary")
    known = qemu_memory.recall(path)
    if known is None:
        try:
            known = _ask(path)
        except (IntrospectionError, ToolMissing) as error:
            return RejectedQemu(path, source, str(error), "name another with --qemu PATH")
        qemu_memory.remember(path, known)
    version_text, features = known
    version = parse_version(version_text) or (0, 0, 0)
    arch = ARCH_OF_TARGET.get(features.target)
    if arch is None and version < OLDEST:
        return RejectedQemu(path, source, f"is too old: {version_text}", _NEWER)
    if arch is None:
        return RejectedQemu(
            path, source, f"is a QEMU for {features.target} guests, which the harness does not boot"
        )
    return QemuBinary(path, arch, version, version_text, source, features)


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The version in what ``--version`` prints; None when that is not a QEMU."""
    match = _VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def _ask(path: Path) -> tuple[str, QemuFeatures]:
    """First the question that any program survives, then QMP; raises IntrospectionError, ToolMissing."""
    said = transcribe([path, "--version"], purpose="qemu version", deadline_s=_VERSION_DEADLINE_S)
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
    return line, introspect(path)


def _candidates(explicit: Path | str | None) -> Iterator[tuple[Path, str]]:
    """(path, source) of every file to ask, each file once however many names it has."""
    seen: set[Path] = set()
    for path, source in _named_places(explicit):
        real = path.resolve()
        if real not in seen:
            seen.add(real)
            yield path, source


def _named_places(explicit: Path | str | None) -> Iterator[tuple[Path, str]]:
    for value, source in ((explicit, "--qemu"), (os.environ.get(VARIABLE), VARIABLE)):
        if value:
            yield from _named(Path(value).expanduser().absolute(), source)
    path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for folders, source in ((path, "PATH"), (_HOMEBREW, "Homebrew"), (_LIBEXEC, "libexec")):
        for folder in folders:
            yield from ((found, source) for found in _binaries(folder))
    for app in _utm_apps():
        for found in sorted(app.glob("Contents/**/qemu-system-*")):
            if os.access(found, os.X_OK) and found.is_file():
                yield found, "UTM.app"


def _named(place: Path, source: str) -> Iterator[tuple[Path, str]]:
    if not place.is_dir():
        yield place, source
        return
    binaries = _binaries(place) or _binaries(place / "bin")
    if not binaries:
        raise QemuNotFound(
            f"{place} (from {source}) holds no {' or '.join(_NAMES)}", fix="name a QEMU binary", path=place
        )
    yield from ((found, source) for found in binaries)


def _binaries(folder: Path) -> list[Path]:
    suffix = ".exe" if sys.platform == "win32" else ""
    return [
        path for name in _NAMES if os.access(path := folder / (name + suffix), os.X_OK) and path.is_file()
    ]


def _utm_apps() -> list[Path]:
    roots = (Path("/Applications"), Path.home() / "Applications")
    return [app for root in roots if (app := root / "UTM.app").is_dir()]


def _inside_utm() -> list[RejectedQemu]:
    """UTM's own QEMUs are libraries that only its sandboxed launcher loads: found and explained, not run."""
    return [
        RejectedQemu(
            library,
            "UTM.app",
            "is a library that only UTM's sandboxed launcher can run",
            "install QEMU with `brew install qemu` to measure it outside UTM",
        )
        for app in _utm_apps()
        for target in ARCH_OF_TARGET
        if (library := app / f"Contents/Frameworks/qemu-{target}-softmmu.framework").exists()
    ]
