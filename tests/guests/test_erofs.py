"""The EROFS image: what is written is what the format's own tools read, byte for byte."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.guests.image import erofs_format
from harness.guests.image.entry import Entry, directory, file, symlink
from harness.guests.image.erofs import MOST_INLINE_BYTES, ErofsWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCK = erofs_format.BLOCK_BYTES
ENTRY_BYTES = 12
"""What a directory's entry takes besides its name."""

needs_erofs_utils = pytest.mark.skipif(
    not shutil.which("fsck.erofs"), reason="no-erofs-utils: install erofs-utils to read images with it"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="not-root: only root can make device nodes")

_names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
_paths = st.lists(_names.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4).map("/".join)
_sizes = st.one_of(
    st.sampled_from([0, 1, MOST_INLINE_BYTES, MOST_INLINE_BYTES + 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK]),
    st.integers(0, 5 * BLOCK),
)
_files = st.tuples(st.just(stat.S_IFREG), _sizes, st.integers(0, 0o777), st.integers(0, 65535))
_links = st.tuples(st.just(stat.S_IFLNK), st.integers(1, 3000), st.just(0o777), st.integers(0, 65535))
_folders = st.tuples(st.just(stat.S_IFDIR), st.just(0), st.integers(0, 0o777), st.integers(0, 65535))
_trees = st.dictionaries(_paths, st.one_of(_files, _links, _folders), max_size=12)


def _content(size: int, path: str) -> bytes:
    """Bytes that a reader cannot get right by chance: they differ along the file and between files."""
    seed = path.encode() + b"/0123456789"
    return (seed * (size // len(seed) + 1))[:size]


def _entries(tree: dict[str, tuple[int, int, int, int]]) -> list[Entry]:
    """Entries without one below a file: a path that is another's parent becomes a directory."""
    parents = {path[:at] for path in tree for at, letter in enumerate(path) if letter == "/"}
    return [
        Entry(
            path,
            (stat.S_IFDIR if path in parents else kind) | permissions,
            b"" if path in parents else _content(size, path.replace("/", "-")),
            uid=owner,
            gid=65535 - owner,
        )
        for path, (kind, size, permissions, owner) in tree.items()
    ]


def _write(path: Path, entries: Iterable[Entry]) -> Path:
    with path.open("w+b") as out:
        writer = ErofsWriter(out)
        for entry in entries:
            writer.add(entry)
        writer.finish()
    return path


def _extract(image: Path, to: Path) -> Path:
    done = subprocess.run(
        ["fsck.erofs", f"--extract={to}", "--preserve", str(image)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "<E>" not in done.stdout
    return to


@needs_erofs_utils
@given(_trees)
def test_erofs_utils_read_what_was_written(tree: dict[str, tuple[int, int, int, int]]) -> None:
    entries = _entries(tree)
    with tempfile.TemporaryDirectory() as folder:
        image = _write(Path(folder, "image"), entries)
        assert image.stat().st_size % BLOCK == 0
        root = _extract(image, Path(folder, "tree"))
        for entry in entries:
            path = root / entry.path
            facts = path.lstat()
            assert facts.st_mode == entry.mode or stat.S_ISLNK(entry.mode)
            if os.geteuid() == 0:
                assert (facts.st_uid, facts.st_gid) == (entry.uid, entry.gid)
            if stat.S_ISREG(entry.mode):
                assert path.read_bytes() == entry.data
            elif stat.S_ISLNK(entry.mode):
                assert os.readlink(os.fsencode(path)) == entry.data  # noqa: PTH115 - Path drops a last slash
            else:
                assert facts.st_mtime == 0
        found = {str(path.relative_to(root)) for path in root.rglob("*")}
        parents = {str(parent) for entry in entries for parent in Path(entry.path).parents} - {"."}
        assert found == {entry.path for entry in entries} | parents


@given(_trees)
def test_the_same_files_give_the_same_bytes(tree: dict[str, tuple[int, int, int, int]]) -> None:
    images = []
    for _ in range(2):
        out = BytesIO()
        writer = ErofsWriter(out)
        for entry in _entries(tree):
            writer.add(entry)
        writer.finish()
        images.append(out.getvalue())
    assert images[0] == images[1]


@needs_erofs_utils
def test_a_directory_of_many_blocks(tmp_path) -> None:
    names = [f"{number:05d}{'x' * (number % 200)}" for number in range(3000)]
    image = _write(tmp_path / "image", [file(f"many/{name}", name.encode()) for name in names])
    root = _extract(image, tmp_path / "tree")
    assert {path.name: path.read_text() for path in (root / "many").iterdir()} == {
        name: name for name in names
    }


@needs_erofs_utils
@pytest.mark.parametrize("last", [MOST_INLINE_BYTES, MOST_INLINE_BYTES + 1, BLOCK])
def test_a_directory_that_ends_where_layouts_change(tmp_path, last: int) -> None:
    names = [f"{number:02d}".ljust(100 - ENTRY_BYTES, "n") for number in range(last // 100 - 1)]
    rest = last - 100 * len(names) - (2 * ENTRY_BYTES + len("...")) - ENTRY_BYTES
    names.append("z" * rest)
    image = _write(tmp_path / "image", [file(name, b"") for name in names])
    assert {path.name for path in _extract(image, tmp_path / "tree").iterdir()} == set(names)


@needs_erofs_utils
@needs_root
def test_device_nodes(tmp_path) -> None:
    numbers = {"null": (1, 3), "vda": (254, 0), "large": (259, 70000)}
    entries = [
        Entry(f"dev/{name}", (stat.S_IFBLK if name == "vda" else stat.S_IFCHR) | 0o660, device=number)
        for name, number in numbers.items()
    ]
    image = _write(tmp_path / "image", entries)
    for path in sorted(_extract(image, tmp_path / "tree").glob("dev/*")):
        facts = path.lstat()
        assert stat.S_ISBLK(facts.st_mode) == (path.name == "vda")
        assert (os.major(facts.st_rdev), os.minor(facts.st_rdev)) == numbers[path.name]


@needs_erofs_utils
def test_a_flipped_bit_in_the_superblock_is_noticed(tmp_path) -> None:
    image = _write(tmp_path / "image", [file("a", b"1")])
    data = bytearray(image.read_bytes())
    data[1024 + 48] ^= 1  # in the volume's name
    image.write_bytes(data)
    done = subprocess.run(["fsck.erofs", image], capture_output=True, text=True, check=False)
    assert "checksum" in done.stdout + done.stderr  # version 1.5 says so, and exits 0


def test_the_checksum_is_crc32c() -> None:
    """The check value of CRC-32C (iSCSI): RFC 3720, B.4, and the catalogue's "123456789"."""
    assert erofs_format.crc32c(b"123456789") ^ 0xFFFFFFFF == 0xE3069283
    assert erofs_format.crc32c(bytes(32)) ^ 0xFFFFFFFF == 0x8A9136AA


def test_a_large_file_is_never_held(tmp_path) -> None:
    size = 64 << 20

    class Endless:
        """A stream of zeros that is nowhere in memory."""

        def __init__(self) -> None:
            self.left = size

        def read(self, most: int) -> bytes:
            taken = min(most, self.left)
            self.left -= taken
            return bytes(taken)

    with (tmp_path / "image").open("w+b") as out:
        writer = ErofsWriter(out)
        tracemalloc.start()
        writer.add(file("large", b""), Endless())  # type: ignore[arg-type] # reads like a file
        writer.finish()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (tmp_path / "image").stat().st_size > size
    assert peak < 8 << 20


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([file("a", b"1"), file("a", b"2")], "twice"),
        ([directory("a"), directory("a")], "twice"),
        ([file("a", b"1"), file("a/b", b"2")], "below something that is not a directory"),
        ([file("a/b", b"1"), symlink("a", "c")], "has entries below it"),
        ([file("x" * 256, b"")], "255 bytes"),
        ([Entry("a", stat.S_IFREG, uid=65536)], "owner over 65535"),
    ],
)
def test_what_cannot_be_is_refused(entries: list[Entry], message: str) -> None:
    *good, bad = entries
    writer = ErofsWriter(BytesIO())
    for entry in good:
        writer.add(entry)
    with pytest.raises(ValueError, match=message):
        writer.add(bad)


def test_a_parent_may_be_named_after_its_children() -> None:
    writer = ErofsWriter(BytesIO())
    writer.add(file("root/.ssh/key", b"", 0o600))
    writer.add(directory("root", 0o700))
    with pytest.raises(ValueError, match="twice"):
        writer.add(directory("root"))
