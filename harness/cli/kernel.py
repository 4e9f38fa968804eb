"""``visorbench kernel``: kernels out of what they are packed in, and out of the disks that boot them."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.group import Group
from harness.cli.main import print_json
from harness.errors import InvalidConfiguration

_path = click.Path(path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Group)
def kernel() -> None:
    """Take a kernel out of what it is packed in, or out of a disk image."""


@kernel.command()
@click.argument("file", type=_path)
@click.option(
    "--out", type=_path, metavar="PATH", help="Where to write it; default: FILE with .Image or .bzImage."
)
@_json
def unpack(file: Path, out: Path | None, as_json: bool) -> None:
    """Unpack the kernel FILE until a VMM takes it.

    gzip, zstd, xz, EFI-zboot and unified kernel images, also one within another, become the uncompressed Image of
    arm64 or the bzImage of x86-64. Backends that need it do the same without being asked.
    """
    from harness.guests.model import Arch  # noqa: PLC0415 - not for --help
    from harness.kernels.unpack import unpack_file, write_kernel  # noqa: PLC0415

    if not file.is_file():
        raise InvalidConfiguration(f"{file} is not a file", fix="correct the path")
    found = unpack_file(file)
    suffix = "Image" if found.arch is Arch.ARM64 else "bzImage"
    to = out or file.with_name(f"{file.name}.{suffix}")
    write_kernel(found, to)
    if as_json:
        print_json({"kernel": str(to), "arch": str(found.arch), "layers": list(found.layers)})
        return
    packed = f"unpacked from {' in '.join(reversed(found.layers))}" if found.layers else "as it was"
    click.echo(f"{to}: {suffix} for {found.arch}, {len(found.data)} bytes, {packed}")


@kernel.command()
@click.argument("image", type=_path)
@click.option("--out", type=_path, metavar="DIR", help="Where to write them; default: IMAGE with .boot.")
@click.option("--list", "only_list", is_flag=True, help="Write nothing: show all that the image boots.")
@_json
def extract(image: Path, out: Path | None, only_list: bool, as_json: bool) -> None:
    """Take kernel, initrd and command line out of the disk IMAGE, without root and without mounting.

    Raw or qcow2; GPT, MBR or a bare file system; ext2-4, XFS, btrfs, FAT. DIR gets kernel, initrd, cmdline and
    manifest.json, which says where each came from. It is what boots: GRUB's default, else the first
    boot-loader-specification entry, else a unified kernel image, else the newest vmlinuz.
    """
    from harness.kernels.extract import extract as extract_  # noqa: PLC0415 - not for --help
    from harness.kernels.extract import list_entries  # noqa: PLC0415

    if only_list:
        found = list_entries(image)
        if as_json:
            print_json(found)
            return
        for number, entry in enumerate(found["entries"]):
            click.echo(
                f"{'*' if number == 0 else ' '} {entry['title'] or entry['kernel']}: {entry['source']}"
            )
            for key in ("kernel", "initrd", "cmdline"):
                value = entry[key]
                said = " + ".join(value) if isinstance(value, list) else value
                click.echo(f"    {key:8} {said or '(none)'}")
    else:
        folder = out or image.with_name(f"{image.name}.boot")
        found = extract_(image, folder)
        if as_json:
            print_json({"folder": str(folder), **found})
            return
        for key in ("kernel", "initrd"):
            if part := found[key]:
                click.echo(f"{folder / part['file']}: {part['bytes']} bytes, {' + '.join(part['from'])}")
        click.echo(f"command line: {found['cmdline'] or '(none)'}")
        click.echo(f"chosen by {found['source']}")
    for note in found["notes"]:
        click.echo(f"note: {note}", err=True)
