"""Kernel, initrd and command line out of disks that independent tools made; and what is damaged, foreign or lies."""

import json
import struct
import sys

import pytest

from harness.cli.main import main
from harness.errors import DiskImageCorrupt, DiskImageUnusable, KernelNotFound, ToolMissing
from harness.guests.image.pe import with_sections
from harness.kernels import extract as module
from harness.kernels import filesystems
from harness.kernels.extract import extract, list_entries
from tests.guests.test_efi_disk import stub
from tests.kernels.disks import (
    BLS,
    FILE_SYSTEMS,
    GRUB_CFG,
    INITRD,
    KERNEL,
    ext4,
    fat,
    partitioned,
    qcow2,
    ran,
    tree,
)

pytest.importorskip("dissect.volume", reason="no-dissect: pip install 'visorbench[extract]'")

NAMED = {"boot/vmlinuz-6.1": KERNEL, "boot/initrd.img-6.1": INITRD}


@pytest.fixture
def visorbench(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call


def whole(folder):
    """The kernel, the initrd, and the command line or None, as written."""
    cmdline = folder / "cmdline"
    assert {path.name for path in folder.iterdir()} <= {"kernel", "initrd", "cmdline", "manifest.json"}
    initrd = folder / "initrd"
    return (
        (folder / "kernel").read_bytes(),
        initrd.read_bytes() if initrd.exists() else None,
        cmdline.read_text() if cmdline.exists() else None,
    )


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_a_bare_file_system_gives_the_same_bytes(kind, tmp_path):
    """Through a link that leaves its folder and climbs above the root, as far as there is one."""
    files = {
        "boot/vmlinuz-6.1": "../../../usr/kernel", "usr/kernel": KERNEL, "boot/initrd.img-6.1": INITRD,
        "boot/vmlinuz-5.10": b"an older kernel", "boot/vmlinuz-6.2": "vmlinuz-6.2",
        "boot/vmlinuz-0-rescue-ab": b"not this",
        "etc/kernel/cmdline": b"root=LABEL=system\nquiet\n",
    }  # fmt: skip
    manifest = extract(FILE_SYSTEMS[kind](files, tmp_path / "disk.img"), tmp_path / "out")
    assert whole(tmp_path / "out") == (KERNEL, INITRD, "root=LABEL=system quiet\n")
    assert manifest == json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["kernel"]["from"] == [f"/boot/vmlinuz-6.1 on the whole disk ({kind})"]
    assert (manifest["format"], manifest["version"], manifest["notes"]) == ("raw", "6.1", [])


def test_grubs_default_from_a_boot_partition_in_compressed_qcow2(tmp_path, visorbench):
    """/boot apart from the root, which has a newer kernel of its own that nobody boots."""
    boot = {
        "grub/grub.cfg": GRUB_CFG.encode(), "vmlinuz-6.1.0-18-cloud": KERNEL,
        "initrd.img-6.1.0-18-cloud": INITRD, "vmlinuz-6.1.0-9-cloud": b"old kernel",
    }  # fmt: skip
    disk = partitioned(
        [
            fat({"EFI/debian/grub.cfg": b"configfile ($root)/grub/grub.cfg"}, tmp_path / "esp"),
            ext4(boot, tmp_path / "boot"),
            ext4({"boot/vmlinuz-7.0": b"never"}, tmp_path / "root"),
        ],
        tmp_path / "disk.img",
    )
    image = qcow2(disk, tmp_path / "cloud.qcow2", "-c")
    code, out, err = visorbench("kernel", "extract", image, "--json")
    assert (code, err) == (0, "")
    assert whole(tmp_path / "cloud.qcow2.boot") == (
        KERNEL, INITRD, 'root=PARTUUID=ab-cd ro console=ttyS0 "a b"\n'
    )  # fmt: skip
    manifest = json.loads(out)
    assert manifest["format"] == "qcow2"
    assert manifest["source"] == "/grub/grub.cfg on partition 2 (ext4)"
    code, out, _ = visorbench("kernel", "extract", image, "--list")
    assert code == 0
    assert out.startswith("* Debian GNU/Linux: /grub/grub.cfg on partition 2")
    assert "the old one" in out
    assert "vmlinuz-7.0 on partition 3 (ext4)" in out


def test_boot_loader_entries_on_an_mbr_disk(tmp_path):
    boot = {
        "grub2/grub.cfg": b'load_env\nset default="${saved_entry}"\nset kernelopts="ro quiet"\nblscfg\n',
        "loader/entries/ab-6.5.conf": BLS.encode(),
        "loader/entries/ab-6.10.conf": BLS.replace("6.5", "6.10").encode(),
        "vmlinuz-6.5": KERNEL, "initrd-6.5.img": INITRD, "vmlinuz-6.10": b"newer",
    }  # fmt: skip
    disk = partitioned([ext4(boot, tmp_path / "boot")], tmp_path / "disk.img", label="dos")
    extract(disk, tmp_path / "out")
    assert whole(tmp_path / "out") == (b"newer", None, "root=UUID=1 ro quiet\n")

    boot = {**boot, "grub2/grubenv": b"# GRUB Environment Block\nsaved_entry=ab-6.5\n####"}
    disk = partitioned([ext4(boot, tmp_path / "boot2")], tmp_path / "disk.img", label="dos")
    extract(disk, tmp_path / "out")
    assert whole(tmp_path / "out") == (KERNEL, INITRD, "root=UUID=1 ro quiet\n")


def test_a_unified_kernel_image_on_the_efi_system_partition(tmp_path):
    unified = with_sections(
        stub(), {".linux": KERNEL, ".initrd": INITRD, ".cmdline": b"root=/dev/vda2\0", ".uname": b"6.9"}
    )
    esp = fat({"EFI/Linux/linux-6.9.efi": unified, "EFI/BOOT/BOOTAA64.EFI": stub()}, tmp_path / "esp")
    manifest = extract(partitioned([esp], tmp_path / "disk.img"), tmp_path / "out")
    assert whole(tmp_path / "out") == (KERNEL, INITRD, "root=/dev/vda2\n")
    assert manifest["kernel"]["from"] == ["/EFI/Linux/linux-6.9.efi on partition 1 (fat), section .linux"]
    assert manifest["version"] == "6.9"


def test_several_initrds_are_one_after_the_other_each_where_a_word_begins(tmp_path):
    entry = b"linux /vmlinuz\ninitrd /microcode /initrd\n"
    files = {"loader/entries/a.conf": entry, "vmlinuz": KERNEL, "microcode": b"early", "initrd": INITRD}
    extract(ext4(files, tmp_path / "disk.img"), tmp_path / "out")
    assert whole(tmp_path / "out") == (KERNEL, b"early\0\0\0" + INITRD, None)


def test_a_disk_without_a_kernel(tmp_path):
    disk = ext4({"etc/fstab": b"", "boot/vmlinuz-1": "/etc/../../nowhere"}, tmp_path / "disk.img")
    with pytest.raises(KernelNotFound, match=r"has no kernel: it has the whole disk \(ext4\)"):
        extract(disk, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no partition table"),
        (b"a text\n" * 1000, "no partition table"),
        (b"KDMV" + bytes(4096), "is VMDK"),
        (b"\xfd7zXZ\0" + bytes(600), "is xz"),
        (b"LUKS\xba\xbe" + bytes(4096), r"encrypted \(LUKS\)"),
        (bytes(512) + b"LABELONE" + bytes(4096), "LVM"),
        (b"QFI\xfb" + struct.pack(">IQI", 3, 112, 5) + bytes(500), "is an overlay"),
        (b"QFI\xfb" + struct.pack(">IQIIQI", 3, 0, 0, 16, 1 << 20, 1) + bytes(500), "is encrypted"),
    ],
)
def test_what_is_not_read_here_is_named(content, says, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(content)
    with pytest.raises(DiskImageUnusable, match=says):
        filesystems_of(image)
    assert DiskImageUnusable.exit_code == 1


def filesystems_of(image):
    """In this process: what these images say ends at their first bytes."""
    for error in filesystems.open_disk(image).unreadable:
        raise error


def test_a_path_that_is_no_file(tmp_path, visorbench):
    code, _, err = visorbench("kernel", "extract", tmp_path)
    assert code == 1
    assert "is no file" in err


def damaged(image, to, changes):
    data = bytearray(image.read_bytes())
    for offset, new in changes.items():
        data[offset : offset + len(new)] = new
    to.write_bytes(data)
    return to


def test_an_image_that_ends_early_is_damaged_wherever_it_is_cut(tmp_path):
    raw = ext4({"boot/vmlinuz-6.1": KERNEL, "boot/initrd.img-6.1": INITRD}, tmp_path / "disk.img")
    image = qcow2(raw, tmp_path / "disk.qcow2")
    data = image.read_bytes()
    cut = tmp_path / "cut"
    table = data.index(bytes.fromhex("8000000000050000"))  # the first cluster of data follows its table
    for size in (600, table, len(data) * 4 // 10, len(data) * 9 // 10):
        cut.write_bytes(data[:size])
        with pytest.raises(DiskImageCorrupt, match="is damaged"):
            extract(cut, tmp_path / "out", limit_s=60)
        assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_a_file_system_of_noise_is_damaged(kind, tmp_path):
    """Its superblock is whole; what it points to is not."""
    image = FILE_SYSTEMS[kind](NAMED, tmp_path / "disk.img")
    keep = {"ext4": 2048, "xfs": 2048, "btrfs": 0x11000}[kind]
    with image.open("r+b") as file:
        file.seek(keep)
        file.write(b"\xa5" * (8 << 20) if kind == "ext4" else b"\xa5" * (64 << 20))
    with pytest.raises(DiskImageCorrupt, match="is damaged"):
        extract(image, tmp_path / "out", limit_s=60)


def test_a_file_system_whose_root_is_no_folder_is_damaged(tmp_path):
    """Not one without a kernel: its inodes are noise, and nobody can look."""
    image = FILE_SYSTEMS["ext4"](NAMED, tmp_path / "disk.img")
    whole = image.read_bytes()
    with image.open("rb") as file:
        file.seek(1024 + 24)
        block = 1024 << int.from_bytes(file.read(4), "little")
        file.seek(max(block, 2048) + 8)
        inodes = int.from_bytes(file.read(4), "little") * block
    image.write_bytes(whole[:inodes] + b"\x77" * 4096 + whole[inodes + 4096 :])
    with pytest.raises(DiskImageCorrupt, match=r"is damaged: the root of the whole disk .* is no folder"):
        extract(image, tmp_path / "out", limit_s=60)


def test_a_folder_that_goes_in_circles_comes_to_an_end(tmp_path):
    """A cluster chain of FAT that leads back into itself, which its reader follows for ever."""
    image = fat({"boot/vmlinuz-6.1": KERNEL}, tmp_path / "disk.img")
    data = image.read_bytes()
    reserved = struct.unpack_from("<H", data, 14)[0] * 512
    # FAT12: clusters 2 and 3 follow each other.
    circle = damaged(image, tmp_path / "circle.img", {reserved + 3: bytes((0x03, 0x20, 0x00))})
    with pytest.raises(DiskImageCorrupt, match="is damaged"):
        extract(circle, tmp_path / "out", limit_s=2)


def test_a_size_that_no_kernel_has_is_not_believed(tmp_path):
    """Otherwise a sparse file in a small image fills the disk."""
    folder = tree(tmp_path / "tree", {"boot/initrd.img-6.1": INITRD})
    with (folder / "boot/vmlinuz-6.1").open("wb") as file:
        file.truncate(600 << 20)
    image = ext4({}, tmp_path / "disk.img")  # there are the tools
    ran("mke2fs", "-q", "-F", "-t", "ext4", "-d", folder, image)
    with pytest.raises(DiskImageCorrupt, match="says that it has 600 MiB"):
        extract(image, tmp_path / "out")


def test_damage_elsewhere_is_said_and_does_not_hide_a_kernel(tmp_path):
    disk = partitioned([ext4(NAMED, tmp_path / "a"), ext4({}, tmp_path / "b")], tmp_path / "disk.img")
    with disk.open("r+b") as file:
        file.seek((2048 + (16 << 11)) * 512 + 2048)
        file.write(b"\xa5" * (1 << 20))
    manifest = extract(disk, tmp_path / "out")
    assert whole(tmp_path / "out")[:2] == (KERNEL, INITRD)
    (note,) = manifest["notes"]
    assert "partition 2" in note


def test_without_dissect_the_licence_and_the_command_are_named(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "dissect"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "dissect", None)
    (tmp_path / "image").write_bytes(bytes(1024))
    with pytest.raises(ToolMissing, match=r"AGPL-3\.0") as caught:
        filesystems.open_disk(tmp_path / "image")
    assert caught.value.fix == "pip install 'visorbench[extract]'"


def test_what_an_earlier_image_had_does_not_stay(tmp_path):
    extract(ext4(NAMED, tmp_path / "a.img"), tmp_path / "out")
    extract(ext4({"boot/vmlinuz-6.1": b"alone"}, tmp_path / "b.img"), tmp_path / "out")
    assert whole(tmp_path / "out") == (b"alone", None, None)
    assert [entry["initrd"] for entry in list_entries(tmp_path / "b.img")["entries"]] == [[]]
    assert module.MANIFEST in {path.name for path in (tmp_path / "out").iterdir()}
