"""Disks laid out as Ubuntu, Fedora, RHEL 8 and openSUSE ship them, with what their generators write for GRUB.

The sources of the layouts: grub-mkconfig's 10_linux as Ubuntu and Fedora patch it, and kernel-install's 20-grub.
"""

import lzma
from pathlib import Path

import pytest

from harness.kernels.extract import extract, list_entries
from tests.kernels.disks import INITRD, KERNEL, ext4, fat, partitioned, qcow2, xfs
from tests.kernels.made import ARM64

pytest.importorskip("dissect.volume", reason="no-dissect: pip install 'visorbench[extract]'")

HERE = Path(__file__).parent
MACHINE = "0123456789abcdef0123456789abcdef"

STUB = b"search --fs-uuid --set=dev 5f0c\nset prefix=($dev)/grub2\nconfigfile $prefix/grub.cfg\n"
UBUNTU, FEDORA = ((HERE / "grub" / f"{name}.cfg").read_bytes() for name in ("ubuntu", "fedora"))


def entry(version, options, folder=""):
    """As kernel-install writes it for GRUB."""
    return (
        f"title Fedora Linux ({version}) 41 (Cloud Edition)\nversion {version}\n"
        f"linux {folder}/vmlinuz-{version}\ninitrd {folder}/initramfs-{version}.img $tuned_initrd\n"
        f"options {options}\ngrub_users $grub_users\ngrub_arg --unrestricted\ngrub_class fedora\n"
    ).encode()


def environment(**variables):
    """A grubenv, which always has 1024 bytes."""
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    return f"# GRUB Environment Block\n{lines}".encode().ljust(1024, b"#")


def whole(folder):
    return (
        (folder / "kernel").read_bytes(), (folder / "initrd").read_bytes(), (folder / "cmdline").read_text().strip(),
    )  # fmt: skip


def test_ubuntus_cloud_image_boots_by_partuuid_and_is_given_the_initrd_all_the_same(tmp_path):
    boot = {
        "grub/grub.cfg": UBUNTU, "grub/grubenv": environment(), "vmlinuz": "vmlinuz-6.8.0-31-generic",
        "vmlinuz-6.8.0-31-generic": KERNEL, "initrd.img-6.8.0-31-generic": INITRD,
        "vmlinuz-6.8.0-9-generic": b"old", "initrd.img-6.8.0-9-generic": b"old",
    }  # fmt: skip
    stub = b"search.fs_uuid 9c root\nset prefix=($root)'/grub'\nconfigfile $prefix/grub.cfg\n"
    disk = partitioned(
        [
            ext4({"etc/fstab": b"LABEL=cloudimg-rootfs / ext4\n"}, tmp_path / "root"),
            fat({"EFI/ubuntu/grub.cfg": stub}, tmp_path / "esp"),
            ext4(boot, tmp_path / "boot"),
        ],
        tmp_path / "disk.img",
    )
    manifest = extract(qcow2(disk, tmp_path / "ubuntu.qcow2", "-c"), tmp_path / "out")
    cmdline = "root=PARTUUID=26f2-2b ro console=tty1 console=ttyS0 panic=-1"
    assert whole(tmp_path / "out") == (KERNEL, INITRD, cmdline)
    assert manifest["source"] == "/grub/grub.cfg on partition 3 (ext4)"


@pytest.mark.parametrize("saved", ["1", f"{MACHINE}-6.9.12", "Fedora Linux (6.9.12) 41 (Cloud Edition)"])
def test_fedoras_cloud_image_boots_the_entry_that_its_environment_has_saved(tmp_path, saved):
    options = "root=UUID=6d5b ro rootflags=subvol=root console=ttyS0,115200n8 $tuned_params"
    boot = {
        "grub2/grub.cfg": FEDORA,
        "grub2/grubenv": environment(saved_entry=saved, boot_success="0", kernelopts="never=this"),
        f"loader/entries/{MACHINE}-6.11.4.conf": entry("6.11.4", options),
        f"loader/entries/{MACHINE}-6.9.12.conf": entry("6.9.12", options),
        f"loader/entries/{MACHINE}-0-rescue.conf": entry("0-rescue", options),
        "vmlinuz-6.11.4": b"newer", "vmlinuz-6.9.12": KERNEL, "vmlinuz-0-rescue": b"rescue",
        "initramfs-6.9.12.img": INITRD, "initramfs-6.11.4.img": b"newer",
    }  # fmt: skip
    disk = partitioned(
        [fat({"EFI/fedora/grub.cfg": STUB}, tmp_path / "esp"), ext4(boot, tmp_path / "boot")],
        tmp_path / "disk.img",
    )
    extract(disk, tmp_path / "out")
    cmdline = "root=UUID=6d5b ro rootflags=subvol=root console=ttyS0,115200n8"
    assert whole(tmp_path / "out") == (KERNEL, INITRD, cmdline)


@pytest.mark.parametrize(
    ("saved", "cmdline"),
    [
        ({}, "root=UUID=6d5b ro rootflags=subvol=root no_timer_check"),
        ({"kernelopts": "root=UUID=77 ro crashkernel=auto"}, "root=UUID=77 ro crashkernel=auto"),
    ],
)
def test_rhel_8_keeps_its_menu_and_its_options_on_the_efi_system_partition(tmp_path, saved, cmdline):
    boot = {
        f"loader/entries/{MACHINE}-4.18.conf": entry("4.18", "$kernelopts $tuned_params"),
        "vmlinuz-4.18": KERNEL, "initramfs-4.18.img": INITRD,
    }  # fmt: skip
    esp = {
        "EFI/redhat/grub.cfg": FEDORA,
        "EFI/redhat/grubenv": environment(saved_entry="x", **saved),
    }
    disk = partitioned([fat(esp, tmp_path / "esp"), xfs(boot, tmp_path / "boot")], tmp_path / "disk.img")
    extract(disk, tmp_path / "out")
    assert whole(tmp_path / "out") == (KERNEL, INITRD, cmdline)


@pytest.fixture
def subvolumes(tmp_path):
    """A disk whose root is one of the file systems that ``btrfs/make.sh`` has made, behind an EFI system partition."""

    def made(name):
        volume = tmp_path / f"{name}.btrfs"
        volume.write_bytes(lzma.decompress((HERE / "btrfs" / f"{name}.img.xz").read_bytes()))
        return partitioned([fat({}, tmp_path / "esp"), volume], tmp_path / "disk.img")

    return made


def of_make_sh(version):
    """The kernel and the initrd that it writes."""
    kernel = bytes(56) + b"ARM\x64" + f"kernel {version} ".encode() * 9000
    assert kernel[56:60] == ARM64[56:60]
    return kernel, f"initrd {version} ".encode() * 9000


ROLLED_BACK, DEFAULT = "subvolume @ (btrfs)", "subvolume @/.snapshots/1/snapshot (btrfs)"
BOOTED = {
    "ubuntu": (
        f"/boot/grub/grub.cfg on partition 2, {ROLLED_BACK}", "6.8.0-31-generic",
        "root=UUID=605d45b3-5c13-4227-b4cf-3995bc615a2e ro rootflags=subvol=@ console=ttyS0",
    ),
    "fedora": (
        f"/boot/loader/entries/{MACHINE}-6.11.4-301.fc41.aarch64.conf on partition 2, subvolume root (btrfs)",
        "6.11.4-301.fc41.aarch64",
        "root=UUID=6d5b2c1e ro rootflags=subvol=root no_timer_check console=ttyAMA0",
    ),
    "opensuse": (
        f"/boot/grub2/grub.cfg on partition 2, {DEFAULT}", "6.4.0-150600.23.25-default",
        "root=UUID=aa11 console=ttyAMA0 mitigations=auto",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOOTED)
def test_boot_in_a_compressed_subvolume(subvolumes, tmp_path, name):
    """Paths are from the top, or from the default subvolume."""
    source, version, cmdline = BOOTED[name]
    manifest = extract(subvolumes(name), tmp_path / "out")
    assert whole(tmp_path / "out") == (*of_make_sh(version), cmdline)
    assert (manifest["source"], manifest["notes"]) == (source, [])


def test_what_a_snapshots_menu_says_comes_after_the_roots_own(subvolumes):
    entries = list_entries(subvolumes("ubuntu"))["entries"]
    titled = [entry["source"].split(", ")[1] for entry in entries if entry["title"] == "Ubuntu"]
    assert titled == [ROLLED_BACK, "subvolume snapshots/before (btrfs)"]
