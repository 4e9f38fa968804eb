"""What it says of a VMM how it ended with a guest that only powers itself off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.machines.model import Probe

if TYPE_CHECKING:
    from harness.guests.model import Arch
    from harness.host.transcript import Transcript
    from harness.host.vmm_programs import VmmProgram

HV_DENIED = "fae94007"
"""Hypervisor.framework's answer to a program without the entitlement."""


def judged(backend: str, arch: Arch, binary: VmmProgram, said: Transcript, *, entitlement: str) -> Probe:
    """Codes: ``usable``, ``hangs``, ``no-entitlement``, ``refused``."""
    version = binary.version_text
    if said.ending == "ended" and said.status == 0:
        return Probe(backend, arch, usable=True, version=version)

    def verdict(code: str, reason: str, fix: str) -> Probe:
        return Probe(backend, arch, usable=False, version=version, code=code, reason=reason, fix=fix)

    if said.ending == "deadline":
        reason = f"a guest that only powers itself off was still there after {said.seconds:.0f} s"
        return verdict(
            "hangs", reason, "use the backend hvf, or run on a Mac that is no virtual machine itself"
        )
    complaint = said.last_error or f"it ended with status {said.status} and said nothing"
    if any(word in complaint for word in (entitlement, "entitlement", HV_DENIED)):
        fix = f"sign it with that entitlement: codesign --force --sign - --entitlements ENTITLEMENTS {binary.path}"
        return verdict("no-entitlement", f"{binary.path} lacks {entitlement}: {complaint}", fix)
    return verdict(
        "refused", f"{binary.path}: {complaint}", f"brew reinstall {binary.name}, or use the backend hvf"
    )
