"""A package index: some 70,000 stanzas of which a few hundred are ever read.

The index is decompressed as a stream, split at blank lines and kept as it is, with the names that packages provide;
a stanza is parsed when its package is asked for. Format: the Debian wiki's RepositoryFormat, "Packages" indices;
relations between packages: Debian Policy, chapter 7.
"""

from __future__ import annotations

import lzma
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from harness.archive.release import Checksum
from harness.errors import ArchiveCorrupt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_CHUNK_BYTES = 1 << 20
_NAME = b"Package: "
_PROVIDES = b"\nProvides:"
_FIELD = re.compile(
    r"^(Package|Version|Architecture|Filename|SHA256|Size|Depends|Pre-Depends|Provides):[ \t]*"
    r"(.*(?:\n[ \t].*)*)",
    re.MULTILINE,
)
_RELATION = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9+.-]*)")
"""The name at the start of a relation; what follows it, ``:any (>= 2) [amd64]``, is not read."""


@dataclass(frozen=True, slots=True)
class Package:
    """What an index says about one package."""

    name: str
    version: str
    architecture: str
    filename: str
    """Path below the mirror's base address."""
    checksum: Checksum
    depends: tuple[tuple[str, ...], ...] = ()
    """Its Pre-Depends and Depends: of each group of alternatives, one is needed. Names without versions."""
    provides: tuple[str, ...] = ()
    """The virtual packages that it is."""


@dataclass(frozen=True, slots=True)
class Index:
    """The packages of one suite for one architecture."""

    stanzas: Mapping[str, bytes]
    """Package → its stanza as it stands in the index."""
    provided: Mapping[str, tuple[str, ...]]
    """Virtual package → the packages that provide it, in alphabetical order."""

    def __contains__(self, name: object) -> bool:
        return name in self.stanzas

    def __iter__(self) -> Iterator[str]:
        return iter(self.stanzas)

    def __getitem__(self, name: str) -> Package:
        """The package of that very name; raises KeyError, and ArchiveCorrupt for a stanza that misses a field, or whose
        name goes on in another line."""
        package = _parse(self.stanzas[name])
        if package.name != name:
            raise ArchiveCorrupt(
                f"the package index has a stanza of {name!r} that calls the package {package.name!r}"
            )
        return package

    def providers(self, name: str) -> Sequence[str]:
        """The packages that provide ``name``, in alphabetical order."""
        return self.provided.get(name, ())

    def overlaid(self, other: Index, patterns: Iterable[str]) -> Index:
        """This index with the packages of ``other`` whose name matches a glob, instead of its own or besides them."""
        globs = tuple(patterns)
        taken = {
            name: stanza
            for name, stanza in other.stanzas.items()
            if any(fnmatchcase(name, glob) for glob in globs)
        }
        return _indexed({**self.stanzas, **taken})


def read_index(path: Path) -> Index:
    """Read a ``Packages.xz`` file; the last stanza of a name wins. Raises ArchiveCorrupt when it is no xz file."""
    try:
        return parse_index(_stanzas(path))
    except (lzma.LZMAError, EOFError, ValueError) as error:
        raise ArchiveCorrupt(f"the package index {path} cannot be read: {error!r}", path=path) from None


def parse_index(stanzas: Iterable[bytes]) -> Index:
    """The index that is made of these stanzas; raises UnicodeDecodeError for a name that is not ASCII."""
    found: dict[str, bytes] = {}
    for stanza in stanzas:
        line = stanza.partition(b"\n")[0]
        if line.startswith(_NAME):
            found[line[len(_NAME) :].strip().decode("ascii")] = stanza
    return _indexed(found)


def relations(text: str) -> tuple[tuple[str, ...], ...]:
    """The names in a field such as Depends: groups, joined by commas, of alternatives, joined by bars."""
    groups = (
        tuple(match["name"] for part in group.split("|") if (match := _RELATION.match(part)))
        for group in text.split(",")
    )
    return tuple(group for group in groups if group)


def _indexed(stanzas: Mapping[str, bytes]) -> Index:
    provided: dict[str, list[str]] = {}
    for name in sorted(stanzas):
        if _PROVIDES in stanzas[name]:
            for virtual in dict.fromkeys(_parse(stanzas[name]).provides):
                provided.setdefault(virtual, []).append(name)
    return Index(stanzas, {virtual: tuple(names) for virtual, names in provided.items()})


def _stanzas(path: Path) -> Iterator[bytes]:
    with lzma.open(path) as stream:
        rest = b""
        while chunk := stream.read(_CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\n\n")
            yield from whole
        yield rest.rstrip(b"\n")


def _parse(stanza: bytes) -> Package:
    try:
        fields: list[tuple[str, str]] = _FIELD.findall(stanza.decode("utf-8"))
        field = dict(fields)
        if len(field) != len(fields):
            raise ValueError("a field stands in it twice")
        return Package(
            name=field["Package"].strip(),
            version=field["Version"].strip(),
            architecture=field["Architecture"].strip(),
            filename=field["Filename"].strip(),
            checksum=Checksum(field["SHA256"].strip().lower(), int(field["Size"])),
            depends=relations(field.get("Pre-Depends", "")) + relations(field.get("Depends", "")),
            provides=tuple(name for group in relations(field.get("Provides", "")) for name in group),
        )
    except (KeyError, ValueError) as error:
        name = stanza.partition(b"\n")[0].decode(errors="replace")
        raise ArchiveCorrupt(
            f"the package index has a stanza that cannot be read: {name}: {error!r}"
        ) from None
