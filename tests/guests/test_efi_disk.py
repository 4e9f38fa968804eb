"""The disk that firmware boots: GPT, FAT32 and unified kernel image, read back by the tools of those formats."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import CacheReadOnly, InvalidConfiguration
from harness.guests.efi import BOOT_PATHS, write_efi_disk
from harness.guests.image.fat import write_fat
from harness.guests.image.gpt import FIRST_SECTOR, SECTOR_BYTES, write_table
from harness.guests.image.pe import read_pe, section_data
from harness.guests.model import Arch, GuestImage

EFI_SYSTEM_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_names = st.from_regex(r"[A-Z0-9_~-]{1,8}(\.[A-Z0-9_~-]{1,3})?", fullmatch=True)
_sizes = st.one_of(st.sampled_from([0, 1, 511, 512, 513, 1024]), st.integers(0, 5000))


def needs(*programs):
    missing = " and ".join(program for program in programs if not shutil.which(program))
    return pytest.mark.skipif(
        bool(missing), reason=f"no {missing}: install fdisk, dosfstools and mtools to read disks with them"
    )


def ran(*argv):
    return subprocess.run(argv, check=True, capture_output=True).stdout


def stub(*, room=1024, magic=0x20B, alignment=0x1000):
    """A PE32+ program of one section, as an EFI stub is."""
    optional = struct.pack("<H30xII16xII4xHH36xI", magic, alignment, 512, 0x2000, room, 10, 0, 16)
    optional += bytes(128)
    section = struct.pack("<8sIIII12xI", b".text", 100, 0x1000, 512, room, 0x60000020)
    headers = b"MZ" + bytes(58) + b"\x40\0\0\0" + b"PE\0\0"
    headers += struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0x22) + optional + section
    return headers.ljust(room, b"\0") + b"\x90" * 512


@pytest.fixture
def guest(tmp_path):
    files = {"stub": stub(), "vmlinuz": b"kernel " * 5000, "initrd": b"ramdisk " * 999}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return GuestImage(
        "mini", Arch.X86_64, tmp_path / "vmlinuz", tmp_path / "initrd", "console=ttyS0 a=ü",
        efi_stub=tmp_path / "stub",
    )  # fmt: skip


def disk_of(guest, to, **more):
    return write_efi_disk(guest, to, elsewhere="name another file", **more)


@needs("fsck.fat", "mcopy")
@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.lists(_names, min_size=1, max_size=3).map("/".join), _sizes, max_size=25))
def test_the_tools_of_fat_find_no_fault_and_the_same_bytes(sizes):
    parents = {path[:at] for path in sizes for at, letter in enumerate(path) if letter == "/"}
    files = {path: bytes([len(path)]) * size for path, size in sizes.items() if path not in parents}
    with tempfile.TemporaryDirectory() as name:
        volume, out = Path(name, "fat.img"), Path(name, "out")
        with volume.open("wb") as file:
            file.truncate(write_fat(file, files, serial=0x12345678))  # its holes take no room
        ran("fsck.fat", "-n", "-V", volume)
        out.mkdir()
        if files:
            ran("mcopy", "-s", "-i", volume, "::/*", out)
        found = {str(path.relative_to(out)).upper(): path for path in out.rglob("*") if path.is_file()}
        assert {path: file.read_bytes() for path, file in found.items()} == files


@pytest.mark.parametrize(
    "files",
    [
        {"lower": b""},
        {"NINELETTE.RS": b""},
        {"A/../B": b""},
        {"A": b"", "A/B": b""},
        {"": b""},
        {"A..B": b""},
    ],
)
def test_a_name_that_fat_would_bend_is_refused(files):
    with pytest.raises(ValueError, match=r"8\.3|directory already"):
        write_fat(BytesIO(), files, serial=0)


@needs("sfdisk")
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 200_000), st.uuids(), st.uuids())
def test_sfdisk_reads_the_table_and_its_copy_whatever_the_size(sectors, disk, partition):
    with tempfile.NamedTemporaryFile() as out:
        write_table(out, sectors * SECTOR_BYTES, name="EFI system partition", disk=disk, partition=partition)
        assert out.tell() % (1 << 20) == 0
        out.flush()
        assert b"No errors detected" in ran("sfdisk", "--verify", out.name)
        table = json.loads(ran("sfdisk", "--json", out.name))["partitiontable"]
    (found,) = table["partitions"]
    assert (found["type"], found["start"], found["size"]) == (EFI_SYSTEM_TYPE, FIRST_SECTOR, sectors)
    assert (table["id"], found["uuid"]) == (str(disk).upper(), str(partition).upper())


@needs("mcopy")
def test_firmware_finds_kernel_initrd_and_command_line(guest, tmp_path):
    disk = disk_of(guest, tmp_path / "efi.img")
    partition = f"{disk}@@{FIRST_SECTOR * SECTOR_BYTES}"
    program = ran("mcopy", "-i", partition, f"::/{BOOT_PATHS[Arch.X86_64]}", "-")
    pe = read_pe(program)
    assert section_data(program, pe, ".linux") == guest.kernel.read_bytes()
    assert section_data(program, pe, ".initrd") == guest.initrd.read_bytes()
    assert section_data(program, pe, ".cmdline") == guest.append.encode()


def test_the_same_inputs_give_the_same_bytes_and_others_give_another_disk(guest, tmp_path):
    first = disk_of(guest, tmp_path / "1").read_bytes()
    assert disk_of(guest, tmp_path / "2").read_bytes() == first
    keys = tmp_path / "keys"
    keys.write_bytes(b"another ramdisk")
    other = disk_of(guest, tmp_path / "3", initrd=keys).read_bytes()
    assert other != first
    assert other[512 + 56 :][:16] != first[512 + 56 :][:16], "two disks of one name confuse who has both"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a 64-bit PE file"),
        (stub(magic=0x10B), "not a 64-bit PE file"),
        (stub(room=400), "no room for 3 more sections"),
        (stub(alignment=0), "no alignment"),
    ],
)
def test_a_stub_that_is_none_is_named(data, says, guest, tmp_path):
    guest.efi_stub.write_bytes(data)
    with pytest.raises(InvalidConfiguration, match=says):
        disk_of(guest, tmp_path / "efi.img")


def test_what_firmware_cannot_boot_is_named(guest, tmp_path):
    with pytest.raises(InvalidConfiguration, match="no kernel with an EFI stub"):
        disk_of(GuestImage("own", Arch.ARM64), tmp_path / "efi.img")
    with pytest.raises(CacheReadOnly, match="cannot write an EFI disk"):
        disk_of(guest, tmp_path / "nowhere" / "efi.img")


@given(st.binary(max_size=700), st.integers(0, 0xFFFFFFFF))
def test_whatever_a_pe_file_says_it_is_read_or_refused(rest, start):
    data = b"MZ" + bytes(58) + struct.pack("<I", start % 128) + rest[:4] + b"PE\0\0" + rest
    try:
        pe = read_pe(data)
        if pe:
            assert all(section_data(data, pe, section.name) is not None for section in pe.sections)
    except ValueError:
        return
