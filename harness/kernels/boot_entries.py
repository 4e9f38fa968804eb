"""What a disk boots, the first choice first: GRUB's default, boot-loader entries, unified kernel images, names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import DiskImageCorrupt, VisorbenchError
from harness.guests.image.pe import read_pe
from harness.kernels.bls import BlsEntry, parse_bls, sorted_entries
from harness.kernels.grub import GrubEntry, GrubMenu, parse_environment, parse_grub
from harness.kernels.versions import newest_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.kernels.filesystems import Disk, Volume

MOST_INITRD_BYTES = 1 << 30
_MOST_TEXT_BYTES = 4 << 20
_MOST_HEADER_BYTES = 1 << 20
"""Where the headers of an EFI program end at the latest."""
_MOST_ENTRIES = 500
_GRUB = ("boot/grub", "boot/grub2", "grub", "grub2")
_EFI = "EFI"
"""On an EFI system partition each system has a folder; RHEL 8 and its kin have GRUB's menu there."""
_BLS = ("loader/entries", "boot/loader/entries")
_UKI = ("EFI/Linux", "boot/EFI/Linux", "boot/efi/EFI/Linux", "EFI/BOOT")
_KERNEL = re.compile(r"(?:vmlinu[xz]|Image|bzImage|kernel)(?:-(?P<version>.+))?")
_RESCUE = re.compile(r"rescue|\.old$")
_ROOT_SUBVOLUME = re.compile(r"\brootflags=(?:\S*,)?subvol=/?([^\s,]+)")


@dataclass(frozen=True, slots=True)
class Place:
    """A file in the image; or, with ``section`` and ``part``, those bytes of it: a section of a PE file."""

    volume: Volume
    path: str
    section: str | None = None
    part: range | None = None

    def chunks(self, most_bytes: int) -> Iterator[bytes]:
        """Its bytes; raises DiskImageCorrupt where they are more, or fewer than they are said to be."""
        return self.volume.chunks(self.path, most_bytes, self.part)

    def __str__(self) -> str:
        section = f", section {self.section}" if self.section else ""
        return f"{self.path} on {self.volume}{section}"


@dataclass(frozen=True, slots=True)
class BootEntry:
    """What boots together; ``source`` says who says so."""

    source: str
    title: str
    version: str
    kernel: Place
    initrds: tuple[Place, ...]
    cmdline: str | None
    """None where nothing says one."""
    cmdline_from: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """Every entry, the one that boots first; and what was damaged or unreadable on the way."""

    entries: tuple[BootEntry, ...]
    problems: tuple[VisorbenchError, ...]


def find_entries(disk: Disk) -> Found:
    """Search all of a disk's volumes; damage in one does not hide what another has."""
    entries: list[BootEntry] = []
    problems = list(disk.unreadable)
    for search in (_of_grub, _of_bls, _of_unified_images, _of_names):
        snapshots: list[BootEntry] = []
        for volume in disk.volumes:
            try:
                for entry in search(volume, disk):
                    (snapshots if _in_snapshot(entry, volume) else entries).append(entry)
            except DiskImageCorrupt as error:
                problems.append(error)
        entries += snapshots
    alike = {problem.message: problem for problem in problems}
    distinct = {(entry.source, entry.kernel, entry.cmdline): entry for entry in reversed(entries)}
    return Found(
        tuple(_with_cmdline(entry, disk) for entry in reversed(distinct.values())), tuple(alike.values())
    )


def _in_snapshot(entry: BootEntry, volume: Volume) -> bool:
    """Whether ``volume``, which tells of the entry, is a copy of the root that the entry mounts: what once booted."""
    mounts = _ROOT_SUBVOLUME.search(entry.cmdline or "")
    return bool(volume.subvolume and mounts and mounts[1].rstrip("/") != volume.subvolume)


def _text(volume: Volume, path: str) -> str | None:
    if volume.file(path) is None:
        return None
    return b"".join(volume.chunks(path, _MOST_TEXT_BYTES)).decode(errors="replace")


def _grub(volume: Volume) -> Iterator[tuple[str, GrubMenu]]:
    for folder in (*_GRUB, *(f"{_EFI}/{name}" for name in volume.names(f"/{_EFI}"))):
        if (text := _text(volume, f"/{folder}/grub.cfg")) is not None:
            environment = _text(volume, f"/{folder}/grubenv") or ""
            yield f"/{folder}/grub.cfg", parse_grub(text, parse_environment(environment))


def _of_grub(volume: Volume, disk: Disk) -> Iterator[BootEntry]:
    for path, menu in _grub(volume):
        first = menu.default
        for entry in sorted(menu.entries, key=lambda entry: entry is not first):
            yield from _grub_entry(entry, f"{path} on {volume}", volume, disk)


def _grub_entry(entry: GrubEntry, source: str, volume: Volume, disk: Disk) -> Iterator[BootEntry]:
    kernel = _place(entry.linux, volume, disk)
    if kernel is None:
        return
    initrds = tuple(place for path in entry.initrds if (place := _place(path, volume, disk)))
    version = _version(entry.linux)
    yield BootEntry(
        source, entry.title, version, kernel, initrds or _initrd_beside(kernel), entry.options, source
    )


def _of_bls(volume: Volume, disk: Disk) -> Iterator[BootEntry]:
    """As a boot loader sorts them, but GRUB's default first: its number, its id or its title."""
    variables: dict[str, str] = {}
    for other in disk.volumes:
        for _, menu in _grub(other):
            variables = {**menu.variables, **variables}
    wanted = variables.get("default") or variables.get("saved_entry") or "0"
    for folder in _BLS:
        texts = {
            name.removesuffix(".conf"): _text(volume, f"/{folder}/{name}") or ""
            for name in volume.names(f"/{folder}")[:_MOST_ENTRIES] if name.endswith(".conf")
        }  # fmt: skip
        parsed = (parse_bls(name, text, variables) for name, text in texts.items())
        ordered = sorted_entries(entry for entry in parsed if entry)
        default = next(
            (entry for at, entry in enumerate(ordered) if wanted in {str(at), entry.name, entry.title}), None
        )
        for entry in sorted(ordered, key=lambda entry: entry is not default):
            yield from _bls_entry(entry, f"/{folder}/{entry.name}.conf on {volume}", volume, disk)


def _bls_entry(entry: BlsEntry, source: str, volume: Volume, disk: Disk) -> Iterator[BootEntry]:
    kernel = _place(entry.linux, volume, disk)
    if kernel is None:
        return
    initrds = tuple(place for path in entry.initrds if (place := _place(path, volume, disk)))
    title, version = entry.title or entry.name, entry.version or _version(entry.linux)
    yield BootEntry(source, title, version, kernel, initrds, entry.options or None, source)


def _of_unified_images(volume: Volume, _disk: Disk) -> Iterator[BootEntry]:
    for folder in _UKI:
        names = [name for name in volume.names(f"/{folder}") if name.lower().endswith(".efi")]
        for name in sorted(names, key=newest_first)[:_MOST_ENTRIES]:
            sections = _sections(volume, f"/{folder}/{name}")
            if ".linux" not in sections:
                continue
            source = f"/{folder}/{name} on {volume}"
            said = {
                key: b"".join(sections[key].chunks(_MOST_TEXT_BYTES)).decode(errors="replace").strip("\0\n ")
                for key in (".cmdline", ".osrel", ".uname") if key in sections
            }  # fmt: skip
            cmdline = said.get(".cmdline")
            yield BootEntry(
                source, _pretty_name(said.get(".osrel", "")) or name, said.get(".uname", ""),
                sections[".linux"], (sections[".initrd"],) if ".initrd" in sections else (),
                cmdline, None if cmdline is None else source,
            )  # fmt: skip


def _sections(volume: Volume, path: str) -> dict[str, Place]:
    """Of the PE file at ``path``; nothing where it is none."""
    file = volume.file(path)
    if file is None:
        return {}
    headers = b"".join(volume.chunks(path, _MOST_HEADER_BYTES, range(min(file.size, _MOST_HEADER_BYTES))))
    try:
        pe = read_pe(headers)
    except ValueError as error:
        raise DiskImageCorrupt(
            f"the disk image {volume.image} is damaged: {path} on {volume} is no whole EFI program: {error}",
            fix="get it again, and compare it with the hash that its publisher gives", path=volume.image,
        ) from None  # fmt: skip
    return {
        section.name: Place(volume, path, section.name, range(section.offset, section.end))
        for section in (pe.sections if pe else ())
    }


def _of_names(volume: Volume, _disk: Disk) -> Iterator[BootEntry]:
    """Kernels by their names, the newest first; those for rescue, and what came before, at the end."""
    for folder in ("/boot", "/"):
        kernels = [name for name in volume.names(folder) if _KERNEL.fullmatch(name)]
        kernels.sort(key=lambda name: newest_first(_version(name)))
        for name in sorted(kernels, key=lambda name: bool(_RESCUE.search(name))):
            kernel = Place(volume, f"{folder.rstrip('/')}/{name}")
            if volume.file(kernel.path) is not None:
                source = f"the newest name in {folder} on {volume}"
                yield BootEntry(source, name, _version(name), kernel, _initrd_beside(kernel), None, None)


def _version(path: str) -> str:
    found = _KERNEL.fullmatch(path.rpartition("/")[2])
    return (found["version"] or "") if found else ""


def _initrd_beside(kernel: Place) -> tuple[Place, ...]:
    """The initrd of the same version, under the names of Debian, Fedora, SUSE, Alpine and Arch."""
    version = _version(kernel.path)
    folder = kernel.path.rpartition("/")[0]
    names = (
        (f"initrd.img-{version}", f"initramfs-{version}.img", f"initrd-{version}", f"initramfs-{version}")
        if version
        else ("initrd.img", "initrd", "initramfs.img")
    )
    paths = (f"{folder}/{name}" for name in names)
    found = next((path for path in paths if kernel.volume.file(path) is not None), None)
    return (Place(kernel.volume, found),) if found else ()


def _place(path: str, volume: Volume, disk: Disk) -> Place | None:
    """Where a boot loader's path is: on its own volume, on another, or below the /boot that is part of the root."""
    bare = "/" + re.sub(r"^\([^)]*\)", "", path).lstrip("/")
    others = [other for other in disk.volumes if other != volume]
    for candidate in (bare, f"/boot{bare}"):
        for here in (volume, *others):
            if here.file(candidate) is not None:
                return Place(here, candidate)
    return None


def _with_cmdline(entry: BootEntry, disk: Disk) -> BootEntry:
    """Where the entry has none: what kernel-install would give the next kernel."""
    if entry.cmdline is not None:
        return entry
    for volume in disk.volumes:
        for path in ("/etc/kernel/cmdline", "/usr/lib/kernel/cmdline"):
            try:
                text = _text(volume, path)
            except DiskImageCorrupt:
                continue
            if text is not None:
                return replace(entry, cmdline=" ".join(text.split()), cmdline_from=f"{path} on {volume}")
    return entry


def _pretty_name(os_release: str) -> str:
    found = re.search(r'^PRETTY_NAME=["\']?([^"\'\n]*)', os_release, re.MULTILINE)
    return found[1] if found else ""
