"""Whether the program of a backend can be here at all, before it is asked to run a guest."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

from harness.errors import AcceleratorUnusable, HostLacks, VmmTooOld
from harness.guests.model import Arch
from harness.host.emulation import OR_TCG
from harness.host.system import host_arch
from harness.host.vmm_programs import VmmProgram, program, variable
from harness.machines.model import Probe

_ELSEWHERE = "run the harness on a Mac with Apple silicon"


@dataclass(frozen=True, slots=True)
class Presence:
    """The program of a backend on this host; ``lack`` is why there is none that could run a guest."""

    found: VmmProgram | None
    lack: Probe | None


def look(backend: str, name: str, arch: Arch) -> Presence:
    """Find the program ``name`` for guests of ``arch``. A double that a variable names runs anywhere."""
    mac = platform.system() == "Darwin"
    if not mac and not os.environ.get(variable(name)):
        return _absent(backend, arch, "wrong-os", f"{backend} exists on macOS only", _ELSEWHERE)
    if arch is not Arch.ARM64:
        reason = f"{backend} runs arm64 guests only"
        return _absent(backend, arch, "wrong-arch", reason, f"boot an arm64 guest{OR_TCG}")
    try:
        found = program(name)
    except HostLacks as error:
        code = f"old-{name}" if isinstance(error, VmmTooOld) else f"no-{name}"
        return _absent(backend, arch, code, error.message, error.fix or "")
    if not found.double and not (mac and host_arch() == Arch.ARM64):
        return _absent(backend, arch, "wrong-os", f"{backend} needs a Mac with Apple silicon", _ELSEWHERE)
    return Presence(found, None)


def usable(backend: str, name: str, arch: Arch) -> VmmProgram:
    """The program; raises AcceleratorUnusable (fact: code)."""
    presence = look(backend, name, arch)
    if presence.found is None or presence.lack is not None:
        lack = presence.lack
        raise AcceleratorUnusable(
            f"a guest for {arch} on {backend}: {lack.reason if lack else 'nothing runs it'}",
            fix=lack.fix if lack else None, code=lack.code if lack else "refused",
        )  # fmt: skip
    return presence.found


def stand_in(backend: str, arch: Arch, found: VmmProgram) -> Probe:
    """The verdict on a double: it boots guests, and what it takes for that is no figure of ``backend``."""
    return Probe(
        backend, arch, usable=False, version=found.version_text, code="double",
        reason=f"{found.path} is a double of {found.name}, whose figures would be those of another VMM",
        fix=f"unset {variable(found.name)} to measure",
    )  # fmt: skip


def _absent(backend: str, arch: Arch, code: str, reason: str, fix: str) -> Presence:
    return Presence(None, Probe(backend, arch, usable=False, code=code, reason=reason, fix=fix))
