"""``visorbench guests``: list, build, show and clean the reference guests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.group import Group
from harness.cli.main import print_json
from harness.cli.transfers import transfers
from harness.errors import UnknownName
from harness.guests import catalogue
from harness.guests.model import Arch

if TYPE_CHECKING:
    from harness.guests.model import GuestImage
    from harness.guests.spec import GuestSpec


def named_archs(names: tuple[str, ...]) -> list[Arch]:
    """Those of ``--arch``, every one without it; raises UnknownName."""
    try:
        return [Arch(name) for name in names] or list(Arch)
    except ValueError:
        unknown = next(name for name in names if name not in list(Arch))
        raise UnknownName("architecture", unknown, [str(arch) for arch in Arch]) from None


_arch = click.option("--arch", "archs", multiple=True, metavar="ARCH", help="arm64 or x86-64; default: both.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Group)
def guests() -> None:
    """List, build, show or clean the reference guests."""


@guests.command("list")
@_json
def list_(as_json: bool) -> None:
    """Name every reference guest, and say which are built."""
    rows = [_facts(catalogue.get(name, arch)) for name in catalogue.known() for arch in Arch]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        built = f"built, {str(row['fingerprint'])[:12]}" if row["built"] else "not built"
        click.echo(f"{row['name']:<10} {row['arch']:<7} {built:<20} {row['description']}")


@guests.command()
@click.argument("name", required=False)
@_arch
@click.option("--refresh", is_flag=True, help="Ask the archive for newer packages.")
@click.option("--offline", is_flag=True, help="Do not touch the network.")
@click.option("--mirror", metavar="URL", help="The only Debian mirror to ask.")
def build(name: str | None, archs: tuple[str, ...], refresh: bool, offline: bool, mirror: str | None) -> None:
    """Build guest NAME (default: all of them); one that is built already costs nothing."""
    for guest in [name] if name else catalogue.known():
        for arch in named_archs(archs):
            with transfers() as progress:
                image = catalogue.ensure_built(
                    guest, arch, progress=progress, offline=offline, refresh=refresh, mirror=mirror
                )
            click.echo(f"{guest} {arch}: {image.fingerprint[:12]} in {_folder(image)}")


@guests.command()
@click.argument("name")
@_arch
@_json
def show(name: str, archs: tuple[str, ...], as_json: bool) -> None:
    """Show what guest NAME is made of."""
    rows = [_facts(catalogue.get(name, arch)) for arch in named_archs(archs)]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']} {row['arch']}: {row['description']}")
        for key in ("suite", "kernel", "initrd", "root_image", "append", "memory_mib", "fingerprint"):
            if row[key]:
                click.echo(f"  {key:<12} {row[key]}")
        packages = row["packages"]
        for package, facts in packages.items() if isinstance(packages, dict) else ():
            click.echo(f"  {package} {facts['version']} sha256:{facts['sha256'][:16]}")
        if not row["built"]:
            click.echo(f"  not built: visorbench guests build {name} --arch {row['arch']}")


@guests.command("efi-disk")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--arch", metavar="ARCH", help="arm64 or x86-64; default: the host's.")
@click.option("--mirror", metavar="URL", help="The only Debian mirror to ask.")
def efi_disk(name: str, file: Path, arch: str | None, mirror: str | None) -> None:
    """Write guest NAME as a disk that UEFI firmware boots, to FILE: for any hypervisor, without anybody's keys."""
    from harness.guests.efi import write_efi_disk  # noqa: PLC0415 - few need it
    from harness.guests.efi_stub import with_efi_stub  # noqa: PLC0415
    from harness.host.system import host_arch  # noqa: PLC0415

    (chosen,) = named_archs((arch or host_arch(),))
    with transfers() as progress:
        image = catalogue.ensure_built(name, chosen, progress=progress, mirror=mirror)
        image = with_efi_stub(image, progress=progress, mirror=mirror)
    write_efi_disk(image, file, elsewhere="name another file")
    click.echo(f"{name} {chosen}: {file}")


@guests.command()
def clean() -> None:
    """Remove every built guest and every downloaded package."""
    removed = catalogue.clean()
    for path in removed:
        click.echo(f"removed {path}")
    if not removed:
        click.echo("nothing to remove")


def _facts(spec: GuestSpec) -> dict[str, object]:
    image = catalogue.find(spec)
    return {
        "name": spec.name,
        "arch": str(spec.arch),
        "description": spec.description,
        "suite": spec.suite,
        "append": spec.append,
        "memory_mib": spec.memory_mib,
        "built": image is not None,
        "kernel": str(image.kernel) if image else None,
        "initrd": str(image.initrd) if image else None,
        "root_image": str(image.root_image) if image and image.root_image else None,
        "fingerprint": image.fingerprint if image else None,
        "packages": image.manifest["packages"] if image else {},
    }


def _folder(image: GuestImage) -> str:
    return str(image.initrd.parent) if image.initrd else ""
