"""The few stanzas wanted out of a package index of some 60,000.

The index is decompressed as a stream and split at blank lines; only a stanza whose name is wanted is parsed, so
the cost is that of xz and the memory that of one chunk.
"""

from __future__ import annotations

import lzma
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.archive.release import Checksum
from harness.errors import ArchiveCorrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHUNK_BYTES = 1 << 20
_NAME = b"Package: "
_DEPENDENCY = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]+)")


@dataclass(frozen=True, slots=True)
class Package:
    """What an index says about one package."""

    name: str
    version: str
    architecture: str
    filename: str
    """Path below the mirror's base address."""
    checksum: Checksum
    depends: tuple[str, ...] = ()
    """Names of the packages it depends on, the first of each alternative."""


def find_packages(index: Path, wanted: Callable[[str], bool]) -> dict[str, Package]:
    """The wanted packages of a ``Packages.xz`` file, by name; the last stanza of a name wins.

    Raises ArchiveCorrupt when the index cannot be decompressed or a stanza misses a field.
    """
    found: dict[str, Package] = {}
    try:
        for stanza in _stanzas(index):
            line = stanza.partition(b"\n")[0]
            if line.startswith(_NAME) and wanted(line[len(_NAME) :].decode("ascii", "replace")):
                package = _parse(stanza.decode("utf-8"))
                found[package.name] = package
    except (lzma.LZMAError, EOFError, KeyError, ValueError) as error:
        raise ArchiveCorrupt(f"the package index {index} cannot be read: {error!r}", path=index) from None
    return found


def _stanzas(index: Path) -> Iterator[bytes]:
    with lzma.open(index) as stream:
        rest = b""
        while chunk := stream.read(_CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\n\n")
            yield from whole
        yield rest.rstrip(b"\n")


def _parse(text: str) -> Package:
    from debian.deb822 import Packages  # noqa: PLC0415 - only who asks an archive pays for it

    stanza = Packages(text)
    groups = (stanza.get("Depends", "") or "").split(",")
    names = [_DEPENDENCY.match(group.strip()) for group in groups]
    return Package(
        name=stanza["Package"],
        version=stanza["Version"],
        architecture=stanza["Architecture"],
        filename=stanza["Filename"],
        checksum=Checksum(stanza["SHA256"].lower(), int(stanza["Size"])),
        depends=tuple(match["name"] for match in names if match),
    )
