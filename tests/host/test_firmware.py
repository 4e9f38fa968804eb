"""Firmware by its descriptors: the plain build is chosen, in the order of the specification."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from harness.host.firmware import firmware_for

if TYPE_CHECKING:
    from pathlib import Path


def descriptor(
    code: Path, *, features: tuple[str, ...] = (), arch: str = "aarch64", machine: str = "virt-*"
) -> dict[str, Any]:
    code.touch()
    return {
        "description": code.name,
        "interface-types": ["uefi"],
        "mapping": {
            "device": "flash",
            "executable": {"filename": str(code), "format": code.suffix[1:] or "raw"},
        },
        "targets": [{"architecture": arch, "machines": [machine]}],
        "features": list(features),
    }


def write(folder: Path, name: str, content: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def test_the_first_plain_build_for_the_architecture(tmp_path: Path) -> None:
    folder = tmp_path / "firmware"
    write(folder, "40.json", descriptor(tmp_path / "secure", features=("secure-boot", "enrolled-keys")))
    write(
        folder,
        "50.json",
        descriptor(tmp_path / "pc", arch="x86_64", machine="pc-q35-*", features=("amd-sev",)),
    )
    write(folder, "55.json", descriptor(tmp_path / "same.qcow2"))
    write(folder, "60.json", descriptor(tmp_path / "plain"))
    write(folder, "70.json", descriptor(tmp_path / "later"))
    arm, pc = firmware_for("arm64", folders=[folder]), firmware_for("x86-64", folders=[folder])
    assert (arm, pc) == (tmp_path / "plain", tmp_path / "pc")


def test_an_earlier_folder_hides_the_same_name(tmp_path: Path) -> None:
    write(tmp_path / "user", "60.json", "")
    write(tmp_path / "system", "60.json", descriptor(tmp_path / "plain"))
    assert firmware_for("arm64", folders=[tmp_path / "user", tmp_path / "system"]) is None


def test_a_build_for_confidential_guests_only_is_not_taken(tmp_path: Path) -> None:
    sev = descriptor(tmp_path / "sev", features=("amd-sev",), arch="x86_64", machine="pc-q35-*")
    sev["mapping"] = {"device": "memory", "filename": str(tmp_path / "sev")}
    write(tmp_path / "firmware", "60.json", sev)
    assert firmware_for("x86-64", folders=[tmp_path / "firmware"]) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"targets": 3}', '{"targets": [{}]}'])
def test_a_descriptor_that_is_none_is_passed_over(content: str, tmp_path: Path) -> None:
    write(tmp_path / "firmware", "10.json", content)
    write(tmp_path / "firmware", "60.json", descriptor(tmp_path / "plain"))
    assert firmware_for("arm64", folders=[tmp_path / "firmware"]) is not None


def test_firmware_that_came_with_a_qemu_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (tmp_path / "share/qemu").mkdir(parents=True)
    write(tmp_path / "share/qemu/firmware", "60.json", descriptor(tmp_path / "own"))
    assert firmware_for("arm64", qemu=tmp_path / "bin" / "qemu-system-aarch64") == tmp_path / "own"
