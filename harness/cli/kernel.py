"""``visorbench kernel``: kernels out of what they are packed in."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.main import print_json
from harness.errors import InvalidConfiguration

_path = click.Path(path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def kernel() -> None:
    """Take a kernel out of what it is packed in."""


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
