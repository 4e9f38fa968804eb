"""Kernels unpacked: every packing alone and in another, and what is none, is cut short, or lies."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import KernelCorrupt, KernelUnusable
from harness.guests.model import Arch
from harness.kernels import unpack as module
from harness.kernels.unpack import direct_kernel, unpack, unpack_file
from harness.kernels.zboot import read_zboot
from tests.kernels.made import ARM64, PACK, X86_64, zboot


@pytest.mark.parametrize("name", PACK)
@pytest.mark.parametrize(("kernel", "arch"), [(ARM64, Arch.ARM64), (X86_64, Arch.X86_64)])
def test_a_packed_kernel_is_the_kernel_again(name, kernel, arch, tmp_path):
    found = unpack(PACK[name](kernel), tmp_path)
    assert (found.arch, found.data, found.layers) == (arch, kernel, (name,))


def test_what_follows_a_packed_kernel_is_left(tmp_path):
    assert unpack(PACK["gzip"](ARM64) + b"\xd0\x0d\xfe\xed a device tree", tmp_path).data == ARM64


@pytest.mark.parametrize(("name", "packed"), [(b"gzip", "gzip"), (b"zstd22", "zstd"), (b"xzkern", "xz")])
def test_zboot_gives_its_kernel(name, packed, tmp_path):
    found = unpack(zboot(PACK[packed](ARM64), name), tmp_path)
    assert (found.data, found.layers) == (ARM64, ("EFI-zboot",))


def test_a_zboot_in_gzip_is_unpacked_twice(tmp_path):
    found = unpack(PACK["gzip"](zboot(PACK["zstd"](ARM64), b"zstd22")), tmp_path)
    assert (found.data, found.layers) == (ARM64, ("gzip", "EFI-zboot"))


def test_a_kernel_that_boots_as_it_is_stays_where_it_is(tmp_path):
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(ARM64)
    assert direct_kernel(kernel, Arch.ARM64, tmp_path / "new") == kernel
    assert not (tmp_path / "new").exists()


def test_a_packed_kernel_is_unpacked_for_who_boots_directly(tmp_path):
    kernel = tmp_path / "vmlinuz.gz"
    kernel.write_bytes(PACK["gzip"](ARM64))
    image = direct_kernel(kernel, Arch.ARM64, tmp_path / "new")
    assert image == tmp_path / "new/Image"
    assert image.read_bytes() == ARM64


def test_a_kernel_of_the_other_architecture_is_named(tmp_path):
    kernel = tmp_path / "vmlinuz.gz"
    kernel.write_bytes(PACK["gzip"](X86_64))
    with pytest.raises(KernelUnusable, match="is for x86-64, and the guest is arm64"):
        direct_kernel(kernel, Arch.ARM64, tmp_path)


@pytest.mark.parametrize("name", PACK)
def test_a_kernel_cut_short_is_named(name, tmp_path):
    packed = PACK[name](ARM64)
    with pytest.raises(KernelCorrupt, match="end early"):
        unpack(packed[: len(packed) // 2], tmp_path / "vmlinuz")


def test_damage_in_the_middle_is_found(tmp_path):
    packed = bytearray(PACK["gzip"](ARM64))
    packed[-8] ^= 1  # its checksum
    with pytest.raises(KernelCorrupt, match="gzip data are damaged"):
        unpack(bytes(packed), tmp_path)


@pytest.mark.parametrize(("offset", "size"), [(0x40, 1 << 31), (1 << 31, 10), (0x40, 0), (0, 64)])
def test_a_zboot_that_lies_about_its_kernel_is_named(offset, size, tmp_path):
    lying = zboot(PACK["gzip"](ARM64), offset=offset, size=size)
    with pytest.raises(KernelCorrupt, match=r"its header says that .* bytes of kernel begin at"):
        unpack(lying, tmp_path)


def test_a_zboot_whose_length_cuts_its_kernel_short_is_named(tmp_path):
    with pytest.raises(KernelCorrupt, match="end early"):
        unpack(zboot(PACK["gzip"](ARM64), size=30), tmp_path)


@pytest.mark.parametrize("name", PACK)
def test_a_bomb_is_not_unpacked(name, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1 << 20)
    with pytest.raises(KernelCorrupt, match="data of more than 1 MiB"):
        unpack(PACK[name](ARM64 + bytes(2 << 20)), tmp_path)


def test_one_packing_within_another_without_end_is_refused(tmp_path):
    data = ARM64
    for _ in range(5):
        data = PACK["gzip"](data)
    with pytest.raises(KernelUnusable, match="is no kernel"):
        unpack(data, tmp_path)


@pytest.mark.parametrize("data", [b"\x04\x22\x4d\x18 a kernel", zboot(b"a kernel", b"lzo")])
def test_a_packing_that_is_not_unpacked_here_is_named(data, tmp_path):
    with pytest.raises(KernelUnusable, match="packed with lz"):
        unpack(data, tmp_path)


@pytest.mark.parametrize("data", [b"", b"MZ", b"\x7fELF", bytes(4096), PACK["gzip"](b"a letter")])
def test_what_is_no_kernel_is_named(data, tmp_path):
    path = tmp_path / "letter"
    path.write_bytes(data)
    with pytest.raises(KernelUnusable, match=r"letter.* is no kernel for arm64 or x86-64"):
        unpack_file(path)


def test_a_disk_image_is_named(tmp_path):
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(module.MOST_BYTES + 1)
    with pytest.raises(KernelUnusable, match="has 512 MiB") as refused:
        unpack_file(path)
    assert "not the disk image" in refused.value.fix


def test_a_missing_kernel_is_named(tmp_path):
    with pytest.raises(KernelUnusable, match="No such file"):
        direct_kernel(tmp_path / "gone", Arch.ARM64, tmp_path)


HEADS = [
    b"",
    b"MZ",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ\0",
    b"\x5d\0\0",
    zboot(b"", size=9)[:0x18],
]


@given(st.sampled_from(HEADS), st.binary(max_size=600))
@example(b"MZ" + bytes(0x3A) + b"\x40\0\0\0PE\0\0", bytes(16))
@example(b"MZ" + bytes(0x3A) + b"\x40\0\0\0PE\0\0" + b"\x64\xaa\xff\xff", bytes(200))
def test_whatever_the_bytes_are_it_is_a_kernel_or_a_named_failure(tmp_path_factory, head, rest):
    with suppress(KernelUnusable, KernelCorrupt):
        assert unpack(head + rest, tmp_path_factory.getbasetemp()).layers


@given(st.binary(max_size=200))
def test_a_zboot_header_is_read_or_refused(data):
    try:
        found = read_zboot(data)
    except ValueError:
        return
    assert found is None or found.offset + found.size <= len(data)
