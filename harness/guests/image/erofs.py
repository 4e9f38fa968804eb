"""A read-only EROFS image, written as a stream: the same files in the same order give the same bytes.

Blocks of data are written as they come. Only what an inode needs is kept, and the last bytes of a file that are kept
beside it, until :meth:`ErofsWriter.finish` writes directories, inodes and, in block 0, the superblock. Nothing is
compressed: an emulated processor reads a page from the host's cache faster than it decompresses it.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from harness.guests.image import erofs_format as on_disk
from harness.guests.image.erofs_format import BLOCK_BYTES, SLOT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.guests.image.entry import Entry

MOST_INLINE_BYTES = BLOCK_BYTES // 2
"""A longer rest of a file gets a block of its own: two such rests would not share a block of inodes."""

_CHUNK_BYTES = 1 << 20
_FIRST_NID = 1  # an inode 0 would be hidden by who reads directories


@dataclass(slots=True)
class _Node:
    """One inode; ``start`` and ``tail`` say where its data are."""

    mode: int
    owner: tuple[int, int] = (0, 0)
    device: tuple[int, int] = (0, 0)
    named: bool = True
    """False: a parent that nobody named yet."""
    size: int = 0
    start: int = 0
    tail: bytes = b""
    tail_bytes: int = 0
    """As the tail of a directory is known last, its length is kept by itself."""
    nid: int = 0
    children: dict[bytes, _Node] = field(default_factory=dict)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


class ErofsWriter:
    """Writes an image to ``out``, an empty file that can seek."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._blocks = 1
        self._root = _Node(stat.S_IFDIR | 0o755)
        out.write(bytes(BLOCK_BYTES))

    def add(self, entry: Entry, content: BinaryIO | None = None) -> None:
        """One file; ``content`` is read instead of ``entry.data`` where a regular file is too large to hold.

        Parents that nobody names get 0755. Raises ValueError for a path given twice or below a file, and for what
        the format has no room for: a name over 255 bytes, a file of 4 GiB, an owner over 65535.
        """
        node = self._place(entry)
        if stat.S_ISREG(entry.mode) or stat.S_ISLNK(entry.mode):
            self._store(node, content or BytesIO(entry.data))
            if node.size > on_disk.MOST_FILE_BYTES:
                raise ValueError(f"{entry.path} is larger than 4 GiB")

    def finish(self) -> None:
        """Write what remains: after this the image is whole."""
        nodes = list(_walk(self._root))
        for node in nodes:
            if node.is_directory:
                self._measure_directory(node)
        end = _number(nodes)
        self._write_directories(self._root, self._root)
        metadata = self._blocks
        at = 0
        for number, node in enumerate(nodes, start=1):
            record = _record(number, node)
            self._out.write(bytes(node.nid * SLOT_BYTES - at) + record)
            at = node.nid * SLOT_BYTES + len(record)
        self._pad(at)
        self._blocks += -(-end // BLOCK_BYTES)
        self._out.seek(0)
        self._out.write(
            on_disk.superblock(
                root_nid=self._root.nid, inodes=len(nodes), blocks=self._blocks, metadata_block=metadata
            )
        )

    def _place(self, entry: Entry) -> _Node:
        *parents, name = (part.encode() for part in entry.path.split("/"))
        if max(len(part) for part in (*parents, name)) > on_disk.MOST_NAME_BYTES:
            raise ValueError(f"{entry.path} has a name of more than {on_disk.MOST_NAME_BYTES} bytes")
        if max(entry.uid, entry.gid) > on_disk.MOST_OWNER:
            raise ValueError(f"{entry.path} has an owner over {on_disk.MOST_OWNER}")
        folder = self._root
        for parent in parents:
            folder = folder.children.setdefault(parent, _Node(stat.S_IFDIR | 0o755, named=False))
            if not folder.is_directory:
                raise ValueError(f"{entry.path} is below something that is not a directory")
        node = _Node(entry.mode, (entry.uid, entry.gid), entry.device)
        known = folder.children.setdefault(name, node)
        if known is not node:
            if known.named:
                raise ValueError(f"{entry.path} is in the image twice")
            if not node.is_directory:
                raise ValueError(f"{entry.path} is not a directory, but has entries below it")
            known.mode, known.owner, known.named = entry.mode, node.owner, True
        return known

    def _store(self, node: _Node, content: BinaryIO) -> None:
        node.start = self._blocks
        rest = b""
        while chunk := content.read(_CHUNK_BYTES):
            node.size += len(chunk)
            rest += chunk
            whole = len(rest) - len(rest) % BLOCK_BYTES
            self._write_blocks(memoryview(rest)[:whole])
            rest = rest[whole:]
        if len(rest) > MOST_INLINE_BYTES:
            self._write_blocks(rest)
            rest = b""
        node.tail, node.tail_bytes = rest, len(rest)

    def _measure_directory(self, node: _Node) -> None:
        *whole, last = map(on_disk.directory_bytes, on_disk.directory_blocks(_names(node)))
        node.size = len(whole) * BLOCK_BYTES + last
        node.tail_bytes = last if last <= MOST_INLINE_BYTES else 0

    def _write_directories(self, node: _Node, parent: _Node) -> None:
        """The blocks of ``node`` and of all directories below it; a last one that is short is its tail."""
        node.start = self._blocks
        known = {**node.children, b".": node, b"..": parent}
        *whole, last = (
            on_disk.directory_block([(name, known[name].nid, known[name].mode) for name in names])
            for names in on_disk.directory_blocks(_names(node))
        )
        for block in whole:
            self._write_blocks(block)
        if node.tail_bytes:
            node.tail = last
        else:
            self._write_blocks(last)
        for name in sorted(node.children):
            if node.children[name].is_directory:
                self._write_directories(node.children[name], node)

    def _write_blocks(self, data: bytes | memoryview) -> None:
        self._out.write(data)
        self._pad(len(data))
        self._blocks += -(-len(data) // BLOCK_BYTES)

    def _pad(self, written: int) -> None:
        self._out.write(bytes(-written % BLOCK_BYTES))


def _walk(node: _Node) -> Iterator[_Node]:
    """A directory before what it holds, in the order of names: neighbours in the tree are neighbours on disk."""
    yield node
    for name in sorted(node.children):
        yield from _walk(node.children[name])


def _names(node: _Node) -> list[bytes]:
    return sorted([b".", b"..", *node.children])


def _number(nodes: list[_Node]) -> int:
    """Give each inode its place, so that it and its tail lie in one block; where the last one ends, in bytes."""
    at = _FIRST_NID * SLOT_BYTES
    for node in nodes:
        size = SLOT_BYTES + node.tail_bytes
        if at % BLOCK_BYTES + size > BLOCK_BYTES:
            at += -at % BLOCK_BYTES
        node.nid = at // SLOT_BYTES
        at += size + -size % SLOT_BYTES
    return at


def _record(number: int, node: _Node) -> bytes:
    links = 1
    if node.is_directory:
        links = 2 + sum(child.is_directory for child in node.children.values())
        if links > on_disk.MOST_LINKS:
            raise ValueError("a directory has more than 65533 directories in it")
    special = not (node.is_directory or stat.S_ISREG(node.mode) or stat.S_ISLNK(node.mode))
    return (
        on_disk.inode(
            number=number,
            mode=node.mode,
            links=links,
            size=node.size,
            layout=on_disk.FLAT_INLINE if node.tail_bytes else on_disk.FLAT_PLAIN,
            location=on_disk.device_number(*node.device) if special else node.start,
            owner=node.owner,
        )
        + node.tail
    )
