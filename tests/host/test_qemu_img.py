"""The real qemu-img, and what it says when it cannot."""

import os
import random

import pytest

from harness.errors import ImageError, ToolMissing
from harness.host.allocation import allocated_bytes
from harness.host.qemu_img import find_qemu_img

MIB = 1 << 20


@pytest.fixture
def qemu_img():
    try:
        return find_qemu_img()
    except ToolMissing as error:
        pytest.skip(str(error))


def test_an_image_is_made_resized_converted_and_checked(qemu_img, tmp_path):
    raw, image, packed = (tmp_path / name for name in ("raw, ü.img", "a.qcow2", "b.qcow2"))
    random_bytes = random.Random(7).randbytes(MIB)
    qemu_img.create(raw, 3 * MIB, "raw")
    with raw.open("r+b") as file:
        file.write(random_bytes)
    qemu_img.convert(raw, image, "raw", "qcow2")
    qemu_img.resize(image, 5 * MIB, "qcow2")
    qemu_img.check(image)
    info = qemu_img.info(image)
    assert (info.virtual_bytes, info.snapshots) == (5 * MIB, ())
    assert MIB <= info.allocated_bytes < 3 * MIB
    qemu_img.resize(image, 3 * MIB, "qcow2")
    qemu_img.convert(image, packed, "qcow2", "qcow2", "-c")
    qemu_img.convert(packed, raw, "qcow2", "raw")
    assert raw.read_bytes() == random_bytes + bytes(2 * MIB)


def test_snapshots_of_an_image_that_no_machine_runs_on(qemu_img, tmp_path):
    image = tmp_path / "a.qcow2"
    qemu_img.create(image, MIB, "qcow2")
    qemu_img.snapshot(image, "-c", "one")
    assert qemu_img.info(image).snapshots == ("one",)
    qemu_img.snapshot(image, "-a", "one")
    qemu_img.snapshot(image, "-d", "one")
    assert qemu_img.info(image).snapshots == ()
    with pytest.raises(ImageError, match=r"qemu-img snapshot: .*one"):
        qemu_img.snapshot(image, "-a", "one")


def test_what_does_not_work_here_is_said_why(qemu_img, tmp_path):
    image = tmp_path / "a.raw"
    qemu_img.create(image, MIB, "raw")
    assert qemu_img.proves(image, "raw", "writeback", "threads") is None
    assert "qemu-img bench: " in qemu_img.proves(tmp_path / "none", "raw", "writeback", "threads")


def test_an_image_with_wrong_tables_is_an_error(qemu_img, tmp_path):
    image = tmp_path / "a.qcow2"
    qemu_img.create(image, MIB, "qcow2")
    with image.open("r+b") as file:
        file.seek(48)  # the offset of the table of reference counts
        file.write((1 << 60).to_bytes(8, "big"))
    with pytest.raises(ImageError, match="qemu-img check: "):
        qemu_img.check(image)


def test_without_qemu_img_it_is_said_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"has no qemu-img .*visorbench setup"):
        find_qemu_img()
    own = tmp_path / "bin" / "qemu-img"
    own.parent.mkdir()
    own.touch(mode=0o755)
    assert find_qemu_img(own.parent).binary == own
    assert find_qemu_img(own).binary == own


@pytest.mark.skipif(os.name != "posix", reason="only POSIX tells what a file takes")
def test_a_sparse_file_takes_less_than_its_length(tmp_path):
    file = tmp_path / "sparse"
    file.touch()
    os.truncate(file, 64 * MIB)
    assert allocated_bytes(file) < MIB
    file.write_bytes(random.Random(7).randbytes(MIB))
    assert allocated_bytes(file) >= MIB
