"""Why macOS turns a VMM away, and what it says of one how it ended with a guest that only powers itself off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.host.hvf import Cause, sign_command, unsupported_here
from harness.machines.model import Probe

if TYPE_CHECKING:
    from pathlib import Path

    from harness.guests.model import Arch
    from harness.host.transcript import Transcript
    from harness.host.vmm_programs import VmmProgram

_DENIED = ("fae94007", "HV_DENIED", "entitlement")
_UNSUPPORTED = ("fae9400f", "HV_UNSUPPORTED")
"""As Hypervisor.framework numbers its answers (Hypervisor/hv_error.h), and as libkrun and vfkit call them."""


def refusal(complaint: str, program: Path, entitlement: str) -> Cause | None:
    """Why macOS turned ``program`` away; None where that is not what it complains about."""
    if any(word in complaint for word in _UNSUPPORTED):
        return unsupported_here()
    if any(word in complaint for word in _DENIED):
        return Cause(
            "no-entitlement",
            f"{program} lacks {entitlement}: {complaint}",
            f"sign it: {sign_command(program, entitlement)}",
        )
    return None


def judged(backend: str, arch: Arch, binary: VmmProgram, said: Transcript, *, entitlement: str) -> Probe:
    """Codes: ``usable``, ``hangs``, ``no-entitlement``, ``no-device``, ``refused``."""
    version = binary.version_text
    if said.ending == "ended" and said.status == 0:
        return Probe(backend, arch, usable=True, version=version)
    complaint = said.last_error or f"it ended with status {said.status} and said nothing"
    cause = refusal(complaint, binary.path, entitlement)
    if said.ending == "deadline":
        reason = f"a guest that only powers itself off was still there after {said.seconds:.0f} s"
        cause = Cause(
            "hangs", reason, "use the backend hvf, or run on a Mac that is no virtual machine itself"
        )
    elif cause is None:
        fix = f"brew reinstall {binary.name}, or use the backend hvf"
        cause = Cause("refused", f"{binary.path}: {complaint}", fix)
    return Probe(
        backend, arch, usable=False, version=version, code=cause.code, reason=cause.reason, fix=cause.fix
    )
