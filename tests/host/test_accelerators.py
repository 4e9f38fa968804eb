"""Proving accelerators: with the real QEMU and its real failures, and with QEMUs that misbehave on purpose."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import UnknownName
from harness.host import accelerators, payload
from harness.host.accelerators import KVM_DEVICE, judge, prove, prove_all
from harness.host.emulation import beside_tcg
from harness.host.introspection import features as read_features
from harness.host.qemu import QemuBinary, qemu_for
from harness.host.registry import owned
from harness.host.system import host_arch
from harness.host.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-x86_64") and shutil.which("qemu-system-aarch64")),
    reason="no QEMU for both architectures on PATH",
)
CODES = {
    "usable",
    "hangs",
    "cpu-error",
    "no-device",
    "no-permission",
    "not-built",
    "wrong-arch",
    "refused",
    "wrong-answer",
}

SPIN = {"x86-64": bytes.fromhex("ebfe"), "arm64": bytes.fromhex("00000014")}
"""``jmp .`` and ``b .``"""
PLUS_SPIN = bytes.fromhex("baf803b02beeebfe")
"""``mov $0x3f8,%dx; mov $'+',%al; out %al,%dx; jmp .`` in real mode."""
RESET = bytes.fromhex("b0fee664ebfe")
"""``mov $0xfe,%al; out %al,$0x64; jmp .``: the keyboard controller resets the PC; -no-reboot makes that an end."""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "DATA"):
        monkeypatch.setenv(f"VISORBENCH_{name}_DIR", str(tmp_path / name.lower()))


@pytest.fixture(autouse=True)
def nothing_left_running(own_folders: None) -> Iterator[None]:
    yield
    assert [entry.argv for entry in owned() if entry.purpose.startswith("proof")] == []


def at_reset_vector(code: bytes) -> bytes:
    return (code + bytes(16 - len(code))).rjust(payload.ROM_SIZE, b"\0")


def a_qemu(path: Path, arch: str = "x86-64") -> QemuBinary:
    said = {
        "target": {"arch": "x86_64"},
        "machines": [],
        "types": [{"name": "kvm-accel"}, {"name": "tcg-accel"}],
    }
    features = read_features(said)
    return QemuBinary(path, arch, (9, 0, 0), "QEMU emulator version 9.0.0", "--qemu", features)


@needs_qemu
@pytest.mark.guest_boot
@pytest.mark.parametrize("arch", ["arm64", "x86-64"])
def test_tcg_runs_the_payload(arch: str) -> None:
    proof = prove("tcg", arch, qemu_for(arch), deadline_s=30)
    assert proof.usable, proof
    assert proof.code == "usable"


@needs_qemu
@pytest.mark.guest_boot
@pytest.mark.skipif(not KVM_DEVICE.exists(), reason="no /dev/kvm on this host")
def test_kvm_gets_a_verdict_whatever_it_does() -> None:
    """On some hosts it works, on some it hangs, on some the CPU stops: always a named verdict, in bounded time."""
    proof = prove("kvm", host_arch(), qemu_for(host_arch()), deadline_s=5)
    assert proof.code in CODES
    assert proof.usable == (proof.code == "usable")
    assert proof.usable or (proof.reason and proof.fix)
    assert proof.seconds < 10


@needs_qemu
@pytest.mark.guest_boot
@pytest.mark.parametrize("arch", ["arm64", "x86-64"])
def test_a_guest_that_spins_for_ever_hangs(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spin = {"x86-64": at_reset_vector(SPIN["x86-64"]), "arm64": SPIN["arm64"]}[arch]
    monkeypatch.setattr(payload, "firmware", lambda arch: spin)
    proof = prove("tcg", arch, qemu_for(arch), deadline_s=1)
    assert (proof.usable, proof.code) == (False, "hangs")
    assert "never printed a byte" in proof.reason


@needs_qemu
@pytest.mark.guest_boot
def test_a_guest_that_begins_and_never_finishes_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "firmware", lambda arch: at_reset_vector(PLUS_SPIN))
    proof = prove("tcg", "x86-64", qemu_for("x86-64"), deadline_s=3)
    assert proof.code == "hangs"
    assert "began" in proof.reason


@needs_qemu
@pytest.mark.guest_boot
def test_a_guest_that_ends_without_a_word_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "firmware", lambda arch: at_reset_vector(RESET))
    proof = prove("tcg", "x86-64", qemu_for("x86-64"), deadline_s=30)
    assert proof.code == "refused"


@needs_qemu
@pytest.mark.guest_boot
def test_a_guest_that_gets_its_sum_wrong_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    right = payload.firmware("x86-64")
    wrong = right.replace(bytes.fromhex("83f831"), bytes.fromhex("83f832"))  # cmpl $50, %eax
    assert wrong != right
    monkeypatch.setattr(payload, "firmware", lambda arch: wrong)
    assert prove("tcg", "x86-64", qemu_for("x86-64"), deadline_s=30).code == "wrong-answer"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("printf 'visorbench: alive\\n'; exit 0", "refused"),  # the token, and not the payload's way to end
        ("printf '+'; exit 7", "wrong-answer"),
        ("echo 'invalid accelerator tcg' >&2; exit 1", "not-built"),
        ("kill -ABRT $$", "refused"),
        ("yes", "hangs"),
        ("yes >&2", "hangs"),
        ("exec >&- 2>&-; sleep 1000", "hangs"),
        (
            "printf 'KVM internal error. Suberror: 1\\nemulation failure\\nRAX=0\\n' >&2; sleep 1000",
            "cpu-error",
        ),
    ],
)
def test_a_qemu_that_misbehaves(body: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "qemu ü"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    proof = prove("tcg", "x86-64", a_qemu(path), deadline_s=1)
    assert (proof.usable, proof.code) == (False, code)
    assert proof.reason
    assert proof.fix


def test_a_qemu_that_went_away_meanwhile(tmp_path: Path) -> None:
    assert prove("tcg", "x86-64", a_qemu(tmp_path / "gone")).code == "refused"


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        (
            "Could not access KVM kernel module: Permission denied\nfailed to initialize kvm: Permission denied",
            "no-permission",
        ),
        ("Could not access KVM kernel module: No such file or directory", "no-device"),
        ("qemu-system-x86_64: -accel whpx: WHPX: No accelerator found, hr=00000000", "no-device"),
        ("qemu-system-x86_64: -accel hvf: invalid accelerator hvf", "not-built"),
        ("something nobody has seen before", "refused"),
        ("", "refused"),
    ],
)
def test_what_qemu_says_becomes_a_code(stderr: str, code: str) -> None:
    said = Transcript(("qemu",), b"", stderr.encode(), 1, "ended", 0.1)
    proof = judge("kvm", "arm64", said, Path("qemu"))
    assert proof.code == code
    assert proof.reason
    assert proof.fix


@pytest.mark.parametrize(("stdout", "status"), [(b"", 1), (b"+", 1), (b"", -6)])
def test_tcg_is_a_way_out_where_it_is_not_taken_already(stdout: bytes, status: int) -> None:
    said = Transcript(("qemu",), stdout, b"no", status, "ended", 0.1)
    fix = judge("kvm", "x86-64", said, Path("qemu")).fix
    assert fix.endswith("or use the backend tcg")
    assert beside_tcg(fix) == "run on a host whose kvm has hardware behind it"
    assert "tcg" not in judge("tcg", "x86-64", said, Path("qemu")).fix


def test_the_cpu_error_is_told_without_its_registers() -> None:
    stderr = (
        b"KVM internal error. Suberror: 1\nextra data[0]: 0x1\nemulation failure\nRAX=00000001 RBX=0\nRSI=0"
    )
    proof = judge("kvm", "x86-64", Transcript(("qemu",), b"+", stderr, -9, "stopped", 0.1), Path("qemu"))
    assert proof.reason == "the guest's CPU stopped: KVM internal error. Suberror: 1, emulation failure"


def test_an_accelerator_of_another_system_is_not_tried(tmp_path: Path) -> None:
    elsewhere = "hvf" if platform.system() != "Darwin" else "kvm"
    assert prove(elsewhere, host_arch(), a_qemu(tmp_path)).code == "wrong-os"


@pytest.mark.skipif(platform.system() != "Linux", reason="KVM is Linux's")
def test_kvm_for_another_architecture_is_not_tried(tmp_path: Path) -> None:
    other = "arm64" if host_arch() != "arm64" else "x86-64"
    assert prove("kvm", other, a_qemu(tmp_path, other)).code == "wrong-arch"


@pytest.mark.skipif(platform.system() != "Linux", reason="KVM is Linux's")
def test_kvm_without_its_device_or_the_right_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "KVM_DEVICE", tmp_path / "kvm")
    assert prove("kvm", host_arch(), a_qemu(tmp_path)).code == "no-device"
    (tmp_path / "kvm").touch()
    monkeypatch.setattr(accelerators.os, "access", lambda path, mode: False)  # root may open anything
    proof = prove("kvm", host_arch(), a_qemu(tmp_path))
    assert proof.code == "no-permission"
    assert "usermod" in proof.fix


def test_an_unknown_accelerator_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'kvm'"):
        prove("kwm", "arm64", a_qemu(tmp_path))


def test_without_any_qemu_everything_is_explained() -> None:
    proofs = prove_all([])
    assert len(proofs) == 2 * len(accelerators.ACCELERATORS)
    assert {proof.code for proof in proofs if proof.accelerator == "tcg"} == {"no-qemu"}
    assert all(proof.reason and proof.fix and not proof.usable for proof in proofs)


def test_a_qemu_that_is_too_old_is_said_to_be(tmp_path: Path) -> None:
    old = QemuBinary(
        tmp_path, "arm64", (5, 2, 0), "QEMU emulator version 5.2.0", "PATH", a_qemu(tmp_path).features
    )
    (proof,) = [one for one in prove_all([old]) if (one.accelerator, one.arch) == ("tcg", "arm64")]
    assert proof.code == "old-qemu"
    assert "5.2.0" in proof.reason
