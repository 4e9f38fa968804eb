"""Why Hypervisor.framework turned a QEMU away, and the command that changes it.

macOS runs virtual CPUs only for programs that are signed with the entitlement ``com.apple.security.hypervisor``; others
get HV_DENIED, and some QEMUs say only "Unknown Error" or HV_ERROR then. HV_UNSUPPORTED is another matter: the hardware,
or the virtual machine that macOS itself runs in, has no virtualisation to give.
"""

from __future__ import annotations

import plistlib
import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

from harness.errors import ToolMissing
from harness.host.emulation import OR_TCG
from harness.host.paths import shipped
from harness.host.system import ask
from harness.host.transcript import transcribe

if TYPE_CHECKING:
    from pathlib import Path

    from harness.host.transcript import Transcript

ENTITLEMENT = "com.apple.security.hypervisor"
CODESIGN = "codesign"

_ANSWER_S = 5.0
_USAGE = 2
"""codesign's status for an option that it does not know: ``--xml`` came with macOS 12."""
_DENIED = ("HV_DENIED", "HV_ERROR", "Unknown Error")
_UNSUPPORTED = "HV_UNSUPPORTED"


class Signing(StrEnum):
    """What a program's code signature says of the hypervisor."""

    ENTITLED = "signed with the entitlement"
    NOT_ENTITLED = "signed without the entitlement"
    UNSIGNED = "not signed"
    UNKNOWN = "not told by codesign"


@dataclass(frozen=True, slots=True)
class Cause:
    """A code of :class:`harness.host.accelerators.Proof`, and a sentence each for reason and fix."""

    code: str
    reason: str
    fix: str


def signing(program: Path) -> Signing:
    """Ask codesign(1); UNKNOWN where it is missing, hangs, or says what it never said before."""
    try:
        said = _codesign("--entitlements", "-", "--xml", str(program))
        if said.status == _USAGE:
            said = _codesign("--entitlements", ":-", str(program))
    except ToolMissing:
        return Signing.UNKNOWN
    return read_signing(said)


def read_signing(said: Transcript) -> Signing:
    """From what ``codesign -d --entitlements`` printed: a property list on stdout, or nothing where there are none."""
    if said.ending != "ended":
        return Signing.UNKNOWN
    if said.status != 0:
        unsigned = b"code object is not signed at all" in said.stderr
        return Signing.UNSIGNED if unsigned else Signing.UNKNOWN
    document = said.stdout.strip(b"\0 \t\r\n")
    if not document:
        return Signing.NOT_ENTITLED
    try:
        entitlements = plistlib.loads(document)
    except (plistlib.InvalidFileException, ExpatError, ValueError, LookupError, TypeError, OverflowError):
        return Signing.UNKNOWN
    if not isinstance(entitlements, dict):
        return Signing.UNKNOWN
    return Signing.ENTITLED if entitlements.get(ENTITLEMENT) is True else Signing.NOT_ENTITLED


def refused(stderr: str) -> bool:
    """Whether QEMU's complaint is the framework's."""
    return _UNSUPPORTED in stderr or any(word in stderr for word in _DENIED)


def explain(stderr: str, program: Path) -> Cause:
    """The cause behind a complaint that is the framework's; asks codesign and sysctl."""
    if _UNSUPPORTED in stderr:
        return unsupported_here()
    return denied(program.resolve(), signing(program))


def denied(program: Path, told: Signing) -> Cause:
    """HV_DENIED and its kin."""
    sign = sign_command(program)
    match told:
        case Signing.UNSIGNED | Signing.NOT_ENTITLED:
            return Cause("no-entitlement", f"{program} is {told} ({ENTITLEMENT})", f"sign it: {sign}")
        case Signing.ENTITLED:
            reason = f"{program} has the entitlement {ENTITLEMENT}, and macOS refuses it all the same"
            fix = f"its signature may be broken, as after an update: sign it again ({sign}); or leave the sandbox"
            return Cause("no-permission", f"{reason}: HV_DENIED", fix)
    reason = (
        f"macOS refuses {program} the hypervisor (HV_DENIED), and codesign does not tell how it is signed"
    )
    return Cause("no-permission", reason, f"sign it: {sign}")


def unsupported_here() -> Cause:
    """HV_UNSUPPORTED on this Mac; asks sysctl."""
    return unsupported(ask(["sysctl", "-n", "kern.hv_support"]), ask(["sysctl", "-n", "kern.hv_vmm_present"]))


def unsupported(hv_support: str, in_a_machine: str) -> Cause:
    """HV_UNSUPPORTED; the arguments are what sysctl prints for kern.hv_support and kern.hv_vmm_present."""
    if in_a_machine.strip() == "1":
        return Cause(
            "no-device",
            "this macOS is itself a virtual machine, and is given no virtualisation (HV_UNSUPPORTED)",
            f"run on the Mac itself{OR_TCG}",
        )
    told = {"0": "kern.hv_support is 0", "1": "although kern.hv_support is 1"}.get(hv_support.strip())
    return Cause(
        "no-device",
        f"this Mac's processor has no virtualisation to give (HV_UNSUPPORTED{f', {told}' if told else ''})",
        f"run on another Mac{OR_TCG}",
    )


def sign_command(program: Path, entitlement: str = ENTITLEMENT) -> str:
    """What signs ``program`` for its owner with ``entitlement``, ready for a shell."""
    entitlements = shipped("fixtures", "entitlements", f"{entitlement.rpartition('.')[2]}.plist")
    return shlex.join([CODESIGN, "--sign", "-", "--force", "--entitlements", str(entitlements), str(program)])


def _codesign(*arguments: str) -> Transcript:
    return transcribe([CODESIGN, "--display", *arguments], purpose="code signature", deadline_s=_ANSWER_S)
