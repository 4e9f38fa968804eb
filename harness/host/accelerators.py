"""Whether an accelerator works here: proved by running a guest for a moment, never by a device node.

``/dev/kvm`` can open, create a machine, and then never run it. What :func:`prove` says is what happened to a real guest
(:mod:`harness.host.payload`) within a deadline; the QEMU that ran it is gone when it returns.
"""

from __future__ import annotations

import os
import platform
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import QemuNotFound, QemuTooOld, ToolMissing, UnknownName
from harness.host import hvf, payload
from harness.host.emulation import OR_TCG
from harness.host.paths import private_directory
from harness.host.qemu import QemuBinary, choose
from harness.host.system import host_arch
from harness.host.transcript import Transcript, transcribe
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCELERATORS = {"tcg": None, "kvm": "Linux", "hvf": "Darwin", "whpx": "Windows"}
"""Accelerator → the ``platform.system()`` it exists on; None: everywhere."""
DEADLINE_S = 6.0
KVM_DEVICE = Path("/dev/kvm")

_CPU_MODELS = {"tcg": "max", "kvm": "host", "hvf": "host", "whpx": "qemu64"}
_MACHINES = {"x86-64": "q35", "arm64": "virt"}
_CPU_STOPPED = re.compile(rb"(KVM internal error|kvm run failed)[\s\S]*?\n *(RAX|EAX|PC)=")
"""QEMU's complaint up to the registers that it prints next; it then waits for ever in the state internal-error."""
_REFUSALS = (
    (r"Could not access KVM.*[Pp]ermission denied", "no-permission"),
    (r"Could not access KVM|WHPX: No accelerator found", "no-device"),
    (r"invalid accelerator|[Nn]o accelerator|accelerator .* (not found|not supported)", "not-built"),
)
"""What QEMU says when it will not start a guest → the code; anything else is ``refused``."""
_FIXES = {
    "no-permission": "add yourself to the group kvm (`sudo usermod -aG kvm $USER`) and log in again",
    "no-device": "switch hardware virtualisation on in the firmware, or nested virtualisation in the outer host",
    "not-built": "install a QEMU that was built with it, or name one with --qemu PATH",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What happened to the payload; when it is not usable, ``reason`` and ``fix`` are one sentence each.

    Codes: ``usable``; not started: ``wrong-os``, ``wrong-arch``, ``no-qemu``, ``old-qemu``, ``not-built``,
    ``no-device``, ``no-permission``, ``no-entitlement``;
    QEMU ended without running it: ``refused``; the virtual CPU stopped: ``cpu-error``; not done at the deadline:
    ``hangs``; it ran and got its sum wrong: ``wrong-answer``.
    """

    accelerator: str
    arch: str
    usable: bool
    code: str
    reason: str
    fix: str
    seconds: float


def prove(accelerator: str, arch: str, qemu: QemuBinary, *, deadline_s: float = DEADLINE_S) -> Proof:
    """Run the payload once; takes ``deadline_s`` and a moment at most.

    Raises UnknownName for the accelerator, DiskFull, CacheReadOnly.
    """
    lack = _lack(accelerator, arch, qemu)
    if lack is not None:
        return lack
    with private_directory("vb-proof-") as folder:
        firmware = folder / "payload.bin"
        with naming_write_errors("the proof payload", folder, elsewhere="set TMPDIR"):
            firmware.write_bytes(payload.firmware(arch))
        try:
            said = transcribe(
                command(accelerator, arch, qemu.path, firmware),
                purpose=f"proof of {accelerator} for {arch}",
                deadline_s=deadline_s,
                stop_at=_CPU_STOPPED,
            )
        except ToolMissing as error:
            return _unusable(accelerator, arch, "refused", error.message, error.fix or "")
    return judge(accelerator, arch, said, qemu.path)


def prove_all(qemus: Sequence[QemuBinary], *, deadline_s: float = DEADLINE_S) -> list[Proof]:
    """Every accelerator for every architecture, all at once, with the QEMU that would be used for it."""
    pairs = [(accelerator, arch) for accelerator in ACCELERATORS for arch in _MACHINES]

    def one(pair: tuple[str, str]) -> Proof:
        impossible = impossible_here(*pair)
        if impossible is not None:
            return impossible
        try:
            return prove(*pair, choose(qemus, pair[1]), deadline_s=deadline_s)
        except (QemuNotFound, QemuTooOld) as error:
            code = "old-qemu" if isinstance(error, QemuTooOld) else "no-qemu"
            return _unusable(*pair, code, error.message, error.fix or "")

    with ThreadPoolExecutor(len(pairs), "proof") as pool:
        return list(pool.map(one, pairs))


def command(accelerator: str, arch: str, qemu: Path, firmware: Path) -> list[str | Path]:
    """The QEMU that runs the payload: its serial port on stdout, no display, no network, no reboot."""
    argv: list[str | Path] = [qemu, "-accel", accelerator, "-machine", _MACHINES[arch]]
    argv += ["-cpu", _CPU_MODELS[accelerator], "-m", "64", "-bios", firmware]
    argv += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    argv += ["-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"]
    if arch == "x86-64":
        argv += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    return argv


def judge(accelerator: str, arch: str, said: Transcript, qemu: Path) -> Proof:
    """From what the payload's ``qemu`` said and how it ended to a verdict."""
    if payload.TOKEN in said.stdout and said.ending == "ended" and said.status == payload.POWERED_OFF[arch]:
        return Proof(accelerator, arch, True, "usable", "", "", said.seconds)  # noqa: FBT003 - a record

    def verdict(code: str, reason: str, fix: str) -> Proof:
        return replace(_unusable(accelerator, arch, code, reason, fix), seconds=said.seconds)

    begun = payload.BEGUN in said.stdout
    if stopped := _CPU_STOPPED.search(said.stderr):
        return verdict(
            "cpu-error", f"the guest's CPU stopped: {_complaint(stopped[0])}", _host_fix(accelerator)
        )
    if said.ending == "deadline":
        what = "began and never finished a moment's work" if begun else "never printed a byte"
        return verdict("hangs", f"a guest {what} in {said.seconds:.0f} s", _host_fix(accelerator))
    if begun:
        reason = f"a guest ran and failed (QEMU's status {said.status})"
        return verdict("wrong-answer", reason, _elsewhere(accelerator))
    text = said.stderr.decode(errors="replace")
    if accelerator == "hvf" and hvf.refused(text):
        cause = hvf.explain(text, qemu)
        return verdict(cause.code, cause.reason, cause.fix)
    code = next((code for pattern, code in _REFUSALS if re.search(pattern, text)), "refused")
    reason = said.last_error or f"QEMU ended with status {said.status} and said nothing"
    return verdict(code, reason, _FIXES.get(code) or _elsewhere(accelerator))


def impossible_here(accelerator: str, arch: str) -> Proof | None:
    """Why no QEMU could do it on this host; raises UnknownName."""
    if accelerator not in ACCELERATORS:
        raise UnknownName("accelerator", accelerator, ACCELERATORS)
    system = ACCELERATORS[accelerator]
    if system is None:
        return None
    if platform.system() != system:
        name = "macOS" if system == "Darwin" else system
        return _unusable(
            accelerator,
            arch,
            "wrong-os",
            f"{accelerator} exists on {name} only",
            f"run the harness on {name}",
        )
    if arch != host_arch():
        reason = f"{accelerator} runs guests of the host's own architecture ({host_arch()}) only"
        return _unusable(accelerator, arch, "wrong-arch", reason, f"run on a host that is {arch}{OR_TCG}")
    return None


def _lack(accelerator: str, arch: str, qemu: QemuBinary) -> Proof | None:
    """What makes a run pointless, if anything; raises UnknownName."""
    impossible = impossible_here(accelerator, arch)
    if impossible is not None:
        return impossible
    if accelerator not in qemu.features.accelerators:
        reason = f"{qemu.path} was built without {accelerator}"
        return _unusable(accelerator, arch, "not-built", reason, _FIXES["not-built"])
    return _kvm_lack(arch) if accelerator == "kvm" else None


def _kvm_lack(arch: str) -> Proof | None:
    if not KVM_DEVICE.exists():
        fix = "load the module (`sudo modprobe kvm_intel` or `kvm_amd`), or " + _FIXES["no-device"]
        return _unusable("kvm", arch, "no-device", f"there is no {KVM_DEVICE}", fix)
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return _unusable(
            "kvm", arch, "no-permission", f"{KVM_DEVICE} may not be opened", _FIXES["no-permission"]
        )
    return None


def _complaint(text: bytes) -> str:
    lines = text.decode(errors="replace").splitlines()[:-1]
    return ", ".join(line.rstrip(".") for line in lines if not line.startswith("extra data"))


def _host_fix(accelerator: str) -> str:
    if accelerator == "tcg":
        return f"quieten the host and try again, or {_elsewhere(accelerator)}"
    return _elsewhere(accelerator)


def _elsewhere(accelerator: str) -> str:
    if accelerator == "tcg":
        return "name another QEMU with --qemu PATH"
    return f"run on a host whose {accelerator} has hardware behind it{OR_TCG}"


def _unusable(accelerator: str, arch: str, code: str, reason: str, fix: str) -> Proof:
    return Proof(accelerator, arch, False, code, reason, fix, 0.0)  # noqa: FBT003 - a record
