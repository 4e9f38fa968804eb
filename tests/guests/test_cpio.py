"""The newc archive: what is written can be read, and nothing but its entries decides its bytes."""

from __future__ import annotations

import shutil
import stat
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ArchiveCorrupt
from harness.guests.image import cpio
from harness.guests.image.entry import Entry, directory, file, symlink

_names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
_paths = st.lists(
    _names.filter(lambda name: name not in (".", "..", cpio.TRAILER)), min_size=1, max_size=4
).map("/".join)
_leaves = st.one_of(
    st.tuples(st.just(file), st.binary(max_size=40), st.sampled_from([0o644, 0o755, 0o600])),
    st.tuples(st.just(symlink), _paths),
)


def _entries(tree: dict[str, tuple]) -> list[Entry]:
    """Entries without one below a file: a path that is another's parent becomes a directory."""
    parents = {path[:at] for path in tree for at, letter in enumerate(path) if letter == "/"}
    return [directory(path) if path in parents else make(path, *rest) for path, (make, *rest) in tree.items()]


@given(st.dictionaries(_paths, _leaves, max_size=8), st.randoms())
def test_round_trip_whatever_the_order(tree: dict[str, tuple], random) -> None:
    entries = _entries(tree)
    packed = cpio.pack(entries)
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert cpio.pack(shuffled) == packed
    assert len(packed) % cpio.ARCHIVE_ALIGNMENT == 0
    read = list(cpio.unpack(packed))
    assert [entry for entry in read if entry in entries] == sorted(entries, key=lambda entry: entry.path)
    assert all(stat.S_ISDIR(entry.mode) for entry in read if entry not in entries)  # parents nobody named


@given(st.binary(max_size=300))
def test_nonsense_is_named(data: bytes) -> None:
    try:
        list(cpio.unpack(data))
    except ArchiveCorrupt:
        return
    assert not data.strip(b"\0")


@pytest.mark.parametrize("size", [b"-0A00000", b"+0000000", b" 0000000", b"0_000000", b"0x000000"])
def test_a_field_is_eight_hexadecimal_digits_and_nothing_else(size: bytes) -> None:
    """A trailer of a negative size would send its reader back to where it came from, for ever."""
    packed = bytearray(cpio.pack([]))
    packed[6 + 8 * 6 : 6 + 8 * 7] = size
    with pytest.raises(ArchiveCorrupt, match="not hexadecimal"):
        list(cpio.unpack(bytes(packed)))


@given(st.data())
def test_a_cut_archive_is_named(data) -> None:
    packed = cpio.pack([file("a", b"x" * 30), symlink("b", "a")])
    cut = data.draw(st.integers(1, packed.index(b"TRAILER!!!") + len(cpio.TRAILER)))
    with pytest.raises(ArchiveCorrupt):
        list(cpio.unpack(packed[:cut]))


def test_archives_follow_one_another() -> None:
    first, second = cpio.pack([file("a", b"1")]), cpio.pack([file("b", b"2")])
    assert [entry.path for entry in cpio.unpack(first + second)] == ["a", "b"]


def test_parents_come_first() -> None:
    paths = [entry.path for entry in cpio.unpack(cpio.pack([file("a/b/c", b""), file("a-b", b"")]))]
    assert paths == ["a", "a-b", "a/b", "a/b/c"]


@pytest.mark.parametrize("path", ["", "/a", "a//b", "../a", "a/..", "./a", "a/", "a\0b"])
def test_bad_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        file(path, b"")


@pytest.mark.parametrize(
    "entries",
    [
        [file("a", b"1"), file("a", b"2")],
        [file("a", b"1"), file("a/b", b"2")],
        [file(cpio.TRAILER, b"1")],
    ],
)
def test_conflicts_are_refused(entries: list[Entry]) -> None:
    with pytest.raises(ValueError, match=r"twice|not a directory|trailer's name"):
        cpio.pack(entries)


@pytest.mark.skipif(not shutil.which("cpio"), reason="no-cpio: install cpio to compare with it")
def test_the_real_cpio_agrees(tmp_path) -> None:
    packed = cpio.pack([file("a/b", b"hello", 0o755), symlink("c", "a/b")])
    subprocess.run(["cpio", "-i", "--quiet"], input=packed, cwd=tmp_path, check=True)
    assert (tmp_path / "c").read_bytes() == b"hello"
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o755
