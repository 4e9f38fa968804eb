"""Hypervisor.framework's refusals, and what codesign prints: its documented outputs, recorded, from a double of it."""

from __future__ import annotations

import plistlib
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.host import hvf
from harness.host.accelerators import judge
from harness.host.hvf import ENTITLEMENT, Signing
from harness.host.transcript import Transcript

ENTITLED = (
    '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" '
    '"https://www.apple.com/DTDs/PropertyList-1.0.dtd"><plist version="1.0"><dict><key>'
    f"{ENTITLEMENT}</key><true/></dict></plist>"
)
"""One line, as macOS 13's codesign has it for Homebrew's QEMU."""
DENIED = "qemu-system-aarch64: -accel hvf: Error: ret = HV_DENIED (0xfae94007, at ../accel/hvf/hvf-accel-ops.c:334)"
UNSUPPORTED = (
    "qemu-system-aarch64: -accel hvf: Error: ret = HV_UNSUPPORTED (0xfae9400f, at ../target/arm/hvf/hvf.c:1)"
)


def said(
    stdout: bytes | str = b"", stderr: str = "", status: int | None = 0, ending: str = "ended"
) -> Transcript:
    out = stdout if isinstance(stdout, bytes) else stdout.encode()
    return Transcript(("codesign",), out, stderr.encode(), status, ending, 0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("transcript", "expected"),
    [
        (said(ENTITLED, "Executable=/opt/homebrew/bin/qemu-system-aarch64\n"), Signing.ENTITLED),
        (said(ENTITLED.encode() + b"\0"), Signing.ENTITLED),
        (said(ENTITLED.replace("<true/>", "<false/>")), Signing.NOT_ENTITLED),
        (said(ENTITLED.replace("<true/>", "<string>true</string>")), Signing.NOT_ENTITLED),
        (said(ENTITLED.replace(ENTITLEMENT, "com.apple.security.cs.allow-jit")), Signing.NOT_ENTITLED),
        (said("", "Executable=/usr/local/bin/qemu-system-x86_64\n"), Signing.NOT_ENTITLED),
        (said("", "/usr/local/bin/q: code object is not signed at all\n", 1), Signing.UNSIGNED),
        (said("", "/nowhere: No such file or directory\n", 1), Signing.UNKNOWN),
        (said("<plist version='1.0'><array/></plist>"), Signing.UNKNOWN),
        (said(ENTITLED[:-20]), Signing.UNKNOWN),
        (said(b"\xfa\xde\x71\x71\0\0\0\x10"), Signing.UNKNOWN),
        (said(ENTITLED, status=None, ending="deadline"), Signing.UNKNOWN),
    ],
)
def test_what_codesign_prints(transcript: Transcript, expected: Signing) -> None:
    assert hvf.read_signing(transcript) is expected


@given(st.binary(max_size=300), st.binary(max_size=100), st.sampled_from([0, 1, 2, -9, None]))
def test_no_output_breaks_the_parser_and_none_is_entitled_by_chance(stdout, stderr, status) -> None:
    found = hvf.read_signing(Transcript(("codesign",), stdout, stderr, status, "ended", 0))
    assert found is not Signing.ENTITLED


@pytest.fixture
def codesign(tmp_path, monkeypatch):
    """Puts a double of codesign(1) on PATH that runs ``body``, a Python text, with its arguments in ``args``."""

    def install(body: str) -> Path:
        program = tmp_path / "bin" / "codesign"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable}\nimport sys, time\nargs = sys.argv[1:]\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        return program

    return install


def test_an_old_codesign_is_asked_in_its_own_words(codesign, registry_dir, tmp_path) -> None:
    """That of macOS 11 knows no --xml, and ends with 2."""
    codesign(
        "if '--xml' in args: print('codesign: unrecognized option `--xml\\'', file=sys.stderr); sys.exit(2)\n"
        f"assert args[:3] == ['--display', '--entitlements', ':-']\nprint({ENTITLED!r})"
    )
    assert hvf.signing(tmp_path / "qemu") is Signing.ENTITLED


def test_a_codesign_that_hangs_or_is_missing(codesign, registry_dir, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(hvf, "_ANSWER_S", 0.5)
    program = codesign("time.sleep(600)")
    assert hvf.signing(tmp_path / "qemu") is Signing.UNKNOWN
    program.unlink()
    assert hvf.signing(tmp_path / "qemu") is Signing.UNKNOWN


def test_denied_and_unsupported_are_told_apart_with_the_fix(
    codesign, registry_dir, tmp_path, monkeypatch
) -> None:
    qemu = tmp_path / "Mein QEMU" / "qemu-system-aarch64"
    codesign("print(args[-1] + ': code object is not signed at all', file=sys.stderr); sys.exit(1)")
    denied = judge("hvf", "arm64", Transcript(("q",), b"", DENIED.encode(), -6, "ended", 0.1), qemu)
    assert (denied.code, denied.usable) == ("no-entitlement", False)
    command = shlex.split(denied.fix.removeprefix("sign it: "))
    assert command[0] == "codesign"
    assert command[-1] == str(qemu)
    assert plistlib.loads(Path(command[command.index("--entitlements") + 1]).read_bytes()) == {
        ENTITLEMENT: True
    }

    monkeypatch.setattr(hvf, "ask", lambda argv: {"kern.hv_support": "0\n"}.get(argv[-1], "0\n"))
    lacks = judge("hvf", "arm64", Transcript(("q",), b"", UNSUPPORTED.encode(), 1, "ended", 0.1), qemu)
    assert lacks.code == "no-device"
    assert "codesign" not in lacks.fix
    assert "kern.hv_support is 0" in lacks.reason


def test_each_cause_has_its_own_sentence_and_fix() -> None:
    program = Path("/opt/homebrew/bin/qemu-system-aarch64")
    causes = [hvf.denied(program, told) for told in Signing]
    causes += [hvf.unsupported("1", "1"), hvf.unsupported("0", "0"), hvf.unsupported("", "")]
    assert len({cause.reason for cause in causes}) == len(causes)
    assert [cause.code for cause in causes] == [
        "no-permission", "no-entitlement", "no-entitlement", "no-permission", *["no-device"] * 3,
    ]  # fmt: skip
    assert "virtual machine" in hvf.unsupported("1", "1").reason


@pytest.mark.parametrize("text", ["HV_ERROR", "qemu-system-x86_64: -accel hvf: Unknown Error"])
def test_the_vaguer_complaints_of_other_qemus_are_the_framework_s_too(text: str) -> None:
    assert hvf.refused(text)
    assert not hvf.refused("qemu-system-aarch64: -accel hvf: invalid accelerator hvf")
