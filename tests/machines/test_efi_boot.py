"""The reference guest through real UEFI firmware, from a disk that is made for the machine."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from harness.cli.main import main
from harness.errors import ArchiveUnreachable, InvalidConfiguration, ToolMissing
from harness.guests.efi_stub import with_efi_stub
from harness.guests.model import Arch, GuestImage
from harness.host.firmware import firmware_for
from harness.machines.model import MachineSpec, Phase, State
from harness.machines.qemu import definition
from harness.machines.qemu.backend import QemuBackend
from tests.machines.conftest import needs

BOOT_S = 300


@pytest.fixture
def bootable(tiny):
    """Gives the reference guest with its EFI stub, where this host can boot it."""

    def image(arch):
        guest = tiny(arch)
        if firmware_for(arch.value) is None:
            pytest.skip(f"no-firmware: `visorbench setup` installs UEFI firmware for {arch}")
        try:
            return with_efi_stub(guest)
        except ArchiveUnreachable as error:
            pytest.skip(f"there is no EFI stub yet, and {error}")

    return image


@pytest.mark.guest_boot
def test_an_arm64_guest_boots_through_firmware_with_its_keys_and_hears_the_power_button(tcg, bootable):
    guest = bootable(Arch.ARM64)
    with tcg.machine(MachineSpec(guest, efi=True)) as machine:
        assert list(machine.boot(timeout_s=BOOT_S).phases) == list(Phase)
        said = machine.ssh.run("test -d /sys/firmware/efi && cat /proc/cmdline").text()
        assert said.strip() == guest.append == machine.settings["kernel_command_line"]
        machine.powerdown(BOOT_S)
        assert machine.state is State.STOPPED


@pytest.mark.guest_boot
def test_an_x86_64_guest_boots_through_firmware_beside_another_disk_that_keeps_its_name(
    tcg, bootable, tmp_path
):
    guest = bootable(Arch.X86_64)
    disk = tmp_path / "disk.img"
    disk.write_bytes(b"the first disk".ljust(1 << 20, b"\0"))
    with tcg.machine(MachineSpec(replace(guest, disk=disk), efi=True)) as machine:
        machine.boot(timeout_s=BOOT_S)
        assert machine.ssh.run("modprobe virtio_blk && head -c 14 /dev/vda").text() == "the first disk"
        assert machine.settings["firmware"].startswith(firmware_for("x86-64").name)


def test_a_disk_for_others_is_written_without_keys(bootable, tmp_path, capsys):
    bootable(Arch.X86_64)
    if shutil.which("mdir") is None:
        pytest.skip("no mdir: install mtools to read disks with it")
    disk = tmp_path / "tiny.img"
    with pytest.raises(SystemExit) as ended:
        main(["guests", "efi-disk", "tiny", str(disk), "--arch", "x86-64"])
    assert ended.value.code == 0
    assert str(disk) in capsys.readouterr().out
    listed = subprocess.run(
        ["mdir", "-b", "-i", f"{disk}@@1M", "::/EFI/BOOT"], check=True, capture_output=True
    )
    assert b"BOOTX64.EFI" in listed.stdout


def test_a_dry_run_says_how_to_have_a_disk_to_name(tiny, capsys):
    tiny(Arch.X86_64)
    with pytest.raises(SystemExit) as ended:
        main(["boot", "tiny", "--arch", "x86-64", "--backend", "tcg", "--efi", "--dry-run"])
    assert ended.value.code == 2
    assert "visorbench guests efi-disk" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spec", "says"),
    [({}, "a kernel without an EFI stub"), ({"machine_type": "microvm,pcie=on"}, "boots no UEFI firmware")],
)
def test_what_firmware_cannot_boot_is_named(spec, says, tmp_path):
    needs(Arch.X86_64)
    for name in ("vmlinuz", "stub"):
        (tmp_path / name).write_bytes(b"bytes")
    guest = GuestImage("own", Arch.X86_64, tmp_path / "vmlinuz", efi_stub=tmp_path / "stub" if spec else None)
    with pytest.raises(InvalidConfiguration, match=says):
        QemuBackend("tcg").machine(MachineSpec(guest, efi=True, **spec))


@pytest.mark.parametrize("arch", Arch)
def test_a_host_without_firmware_is_told_what_brings_it(arch, tmp_path, monkeypatch):
    needs(arch)
    monkeypatch.setattr(definition, "firmware_for", lambda arch, qemu: None)
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(1024))
    with pytest.raises(ToolMissing, match="boots through UEFI firmware") as lacks:
        QemuBackend("tcg").machine(MachineSpec(GuestImage("own", arch, disk=disk), efi=True))
    assert "visorbench setup" in lacks.value.fix
