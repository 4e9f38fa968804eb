"""``visorbench gpu``: the GPU workload alone, on the host and in a guest, as a table."""

from __future__ import annotations

import re
import sys
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.main import print_json
from harness.errors import GpuUnavailable, InvalidConfiguration, UnknownName, VisorbenchError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from harness.config.model import Config
    from harness.guests.model import Arch
    from harness.machines.gpu_routes import Contender

_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
_UNWATCHED_COLUMNS = 160
"""Width of a table that goes to a file or a pipe: a renderer's name fits its line."""
_COLUMNS = ("fps", "frame-time", "frame-time-p99", "low-1-percent", "first-frame")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One row: what a route drew, or why it did not."""

    where: str
    scene: str
    renderer: str
    metrics: dict[str, float]
    """By name, in base units."""
    units: dict[str, str]
    frames: int = 0
    failure: str = ""


@click.command()
@click.option(
    "--backend", metavar="NAME", help="native, tcg, kvm, hvf …; default: native, and the fastest for guests."
)
@click.option(
    "--scene", "scenes", multiple=True, metavar="NAME", help="A scene (repeatable); default: triangle, fill."
)
@click.option("--size", default="640x360", show_default=True, metavar="WxH", help="64x64 to 1920x1080.")
@click.option("--arch", metavar="ARCH", help="Of the guest: arm64 or x86-64; default: the host's.")
@click.option(
    "--gpu", "modes", multiple=True, metavar="MODE", help="Only this GPU mode: venus, virgl, 2d (repeatable)."
)
@click.option(
    "--frames", type=click.IntRange(1, 500_000), default=300, show_default=True, help="Timed frames, at most."
)
@click.option(
    "--seconds", type=click.IntRange(1, 3600), default=2, show_default=True, help="Begin no frame after this."
)
@click.option("--qemu", type=click.Path(path_type=Path), help="Use this QEMU: a binary, or its folder.")
@click.option("--runtime", metavar="system|managed|PATH", help="Whose QEMU to use.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def gpu(
    backend: str | None,
    scenes: tuple[str, ...],
    size: str,
    arch: str | None,
    modes: tuple[str, ...],
    **options: Any,
) -> int:
    """Draw with every route to a GPU, on the host and in a guest, and print frame rates and renderers.

    Nothing is recorded: `visorbench bench -k gpu` measures, in rounds, with intervals and a report. Exit 1 when a
    route failed.
    """
    from harness.config.load import load  # noqa: PLC0415 - pydantic
    from harness.machines.gpu import SCENES  # noqa: PLC0415

    for scene in scenes:
        if scene not in SCENES:
            raise UnknownName("scene", scene, SCENES)
    found = _SIZE.fullmatch(size)
    if not found or not (64 <= int(found[1]) <= 1920 and 64 <= int(found[2]) <= 1080):
        raise InvalidConfiguration(
            f"--size {size!r} is no size", fix="from 64x64 to 1920x1080, e.g. 1280x720"
        )
    config = load(options={"qemu": options["qemu"], "runtime": options["runtime"]})
    rows: list[Drawn] = []
    with closing(_contenders(backend, arch, modes, config)) as taking_part:  # ends a machine that still runs
        for one in taking_part:
            if isinstance(one, Drawn):
                rows.append(one)
                continue
            picture = (int(found[1]), int(found[2]))
            rows += [_draw(one, scene, picture, options) for scene in scenes or ("triangle", "fill")]
    if options["as_json"]:
        print_json([asdict(row) for row in rows])
    else:
        _show(rows)
    return 1 if any(row.failure for row in rows) else 0


def _contenders(
    backend: str | None, arch: str | None, modes: Sequence[str], config: Config
) -> Generator[Contender | Drawn, None, None]:
    """Those of the host, then those of each machine, which is booted when it is its turn."""
    from harness.cli.automatic import backend_name  # noqa: PLC0415
    from harness.cli.transfers import transfers  # noqa: PLC0415
    from harness.guests.model import Arch  # noqa: PLC0415
    from harness.host.qemu import qemu_for  # noqa: PLC0415
    from harness.host.system import host_arch  # noqa: PLC0415
    from harness.machines.catalogue import AUTO, NATIVE, guest_backends  # noqa: PLC0415
    from harness.machines.native.gpu import native_contenders  # noqa: PLC0415
    from harness.machines.native.runner import NativeRunner  # noqa: PLC0415
    from harness.runtimes.choice import gpu_qemu_folder  # noqa: PLC0415

    if backend is not None and backend not in (AUTO, NATIVE, *guest_backends()):
        raise UnknownName("backend", backend, (NATIVE, *guest_backends()))
    here = host_arch() if host_arch() in list(Arch) else Arch.X86_64.value
    if (arch or here) not in list(Arch):
        raise UnknownName("architecture", arch or here, [known.value for known in Arch])
    guest_arch = Arch(arch or here)
    _check_modes(modes)
    qemu = None
    if backend != NATIVE:
        with transfers() as progress:
            qemu = gpu_qemu_folder(
                config.runtime, guest_arch.value, qemu=config.qemu, progress=progress, mirror=config.mirror
            )
        if config.qemu is not None:  # a mistake in it is told before anything draws
            qemu_for(guest_arch.value, qemu)
    if backend in (None, NATIVE):
        yield from native_contenders(NativeRunner(), str(qemu) if qemu else None)
    if backend != NATIVE:
        yield from _guest_contenders(
            backend_name(backend, guest_arch, qemu), guest_arch, modes, qemu, config.mirror
        )


def _check_modes(modes: Sequence[str]) -> None:
    from harness.machines.gpu_routes import GUEST_ROUTES  # noqa: PLC0415

    known = [mode.value for mode in GUEST_ROUTES]
    for name in modes:
        if name not in known:
            raise UnknownName("GPU mode", name, known)


def _guest_contenders(
    backend: str, arch: Arch, modes: Sequence[str], qemu: Path | None, mirror: str | None
) -> Generator[Contender | Drawn, None, None]:
    from harness.cli.transfers import transfers  # noqa: PLC0415
    from harness.guests.catalogue import ensure_built  # noqa: PLC0415
    from harness.machines.catalogue import get  # noqa: PLC0415
    from harness.machines.gpu_guest import proved  # noqa: PLC0415
    from harness.machines.gpu_routes import GUEST_ROUTES  # noqa: PLC0415
    from harness.machines.model import GpuMode, MachineSpec  # noqa: PLC0415

    with transfers() as progress:
        guest = ensure_built("gpu", arch, progress=progress, mirror=mirror)
    for name in modes or [mode.value for mode in GUEST_ROUTES]:
        click.echo(f"booting gpu ({arch}) on {backend}, {name}", err=True)
        try:
            with get(backend, qemu=qemu).machine(MachineSpec(guest, gpu=GpuMode(name))) as machine:
                machine.boot(timeout_s=180)
                yield from proved(GpuMode(name), machine).contenders
        except VisorbenchError as error:
            if not isinstance(error, GpuUnavailable) and modes:
                raise
            yield Drawn(f"gpu ({arch}) on {backend} {name}", "", "", {}, {}, failure=str(error))


def _draw(one: Contender, scene: str, size: tuple[int, int], options: dict[str, Any]) -> Drawn:
    from harness.gpu.metrics import metrics  # noqa: PLC0415

    click.echo(f"{one.name}: {scene}", err=True)
    try:
        report = one.draw(scene, size, frames=options["frames"], seconds=options["seconds"])
    except VisorbenchError as error:
        return Drawn(one.name, scene, one.adapter.device, {}, {}, failure=str(error))
    found = metrics(report)
    return Drawn(
        one.name, scene, report.adapter.device, {each.name: each.value for each in found},
        {each.name: each.unit for each in found}, report.frames.count,
    )  # fmt: skip


def _show(rows: Sequence[Drawn]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from harness.report.units import DASH, quantity  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for heading in ("route", "scene"):
        table.add_column(heading, overflow="fold")
    for heading in ("frame rate", "frame time", "p99", "1 % low", "first frame"):
        table.add_column(heading, justify="right")
    table.add_column("drawn by", overflow="fold")
    for row in rows:
        cells = [
            quantity(row.metrics[name], row.units[name]) if name in row.metrics else DASH for name in _COLUMNS
        ]
        table.add_row(row.where, row.scene, *cells, "failed" if row.failure else row.renderer)
    width = None if sys.stdout.isatty() else _UNWATCHED_COLUMNS
    Console(highlight=False, markup=False, emoji=False, width=width).print(table)
    for row in rows:
        if row.failure:
            click.echo(f"{row.where} {row.scene}".rstrip() + f": {row.failure}")
