"""``visorbench gpu``: the GPU workload alone, on the host and in a guest, as a table."""

from __future__ import annotations

import re
import sys
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.main import print_json
from harness.errors import (
    GpuUnavailable,
    InvalidConfiguration,
    SceneUnsupported,
    UnknownName,
    VisorbenchError,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from harness.config.model import Config
    from harness.guests.model import Arch
    from harness.machines.gpu_routes import Contender
    from harness.machines.model import Backend, GpuMode

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
    left_out: str = ""
    """Why it was not drawn, where that is no failure: what the host lacks, or software is too slow for."""


class _WithScenes(click.Command):
    """Names the scenes under its options; only then are they imported."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        from harness.machines.gpu import SCENES  # noqa: PLC0415 - pydantic

        with formatter.section("Scenes"):
            formatter.write_dl(list(SCENES.items()))


@click.command(cls=_WithScenes)
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

    Nothing is recorded: `visorbench bench -k gpu` measures, in rounds, with intervals and a report. What the host or
    software is not up to is left out by name; exit 1 when a route failed, 4 when nothing was drawn.
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
    if any(row.failure for row in rows):
        return 1
    return 0 if any(row.metrics for row in rows) else 4


def _contenders(
    backend: str | None, arch: str | None, modes: Sequence[str], config: Config
) -> Generator[Contender | Drawn, None, None]:
    """Those of the host, then those of each machine, which is booted when it is its turn."""
    from harness.cli.automatic import backend_name  # noqa: PLC0415
    from harness.cli.transfers import transfers  # noqa: PLC0415
    from harness.guests.model import Arch  # noqa: PLC0415
    from harness.host.qemu import qemu_for  # noqa: PLC0415
    from harness.host.system import host_arch  # noqa: PLC0415
    from harness.machines.catalogue import AUTO, NATIVE, get, guest_backends  # noqa: PLC0415
    from harness.machines.native.gpu import native_contenders  # noqa: PLC0415
    from harness.machines.native.runner import NativeRunner  # noqa: PLC0415
    from harness.runtimes.catalogue import ensure  # noqa: PLC0415
    from harness.runtimes.choice import gpu_qemu_folder  # noqa: PLC0415

    if backend is not None and backend not in (AUTO, NATIVE, *guest_backends()):
        raise UnknownName("backend", backend, (NATIVE, *guest_backends()))
    here = host_arch() if host_arch() in list(Arch) else Arch.X86_64.value
    if (arch or here) not in list(Arch):
        raise UnknownName("architecture", arch or here, [known.value for known in Arch])
    guest_arch = Arch(arch or here)
    named = _named_modes(modes, backend)
    qemu = chosen = None
    if backend != NATIVE:
        with transfers() as progress:
            provide = partial(ensure, progress=progress, mirror=config.mirror)
            qemu = gpu_qemu_folder(config.runtime, guest_arch.value, qemu=config.qemu, provide=provide)
        if config.qemu is not None:  # a mistake in it is told before anything draws
            qemu_for(guest_arch.value, qemu)
        chosen = get(backend_name(backend, guest_arch, qemu), qemu=qemu)
        _check_available(chosen, guest_arch, named)
    if backend in (None, NATIVE):
        yield from native_contenders(NativeRunner(), str(qemu) if qemu else None)
    if chosen is not None:
        yield from _guest_contenders(chosen, guest_arch, named, config.mirror)


def _named_modes(names: Sequence[str], backend: str | None) -> list[GpuMode]:
    from harness.machines.catalogue import NATIVE  # noqa: PLC0415
    from harness.machines.gpu_routes import GUEST_ROUTES  # noqa: PLC0415

    known = {mode.value: mode for mode in GUEST_ROUTES}
    for name in names:
        if name not in known:
            raise UnknownName("GPU mode", name, known)
    if names and backend == NATIVE:
        raise InvalidConfiguration(
            "--gpu is of a guest, and --backend native boots none", fix="leave one away"
        )
    return [known[name] for name in names]


def _check_available(backend: Backend, arch: Arch, named: Sequence[GpuMode]) -> None:
    """What the user asks for by name, this host has, or the command ends before anything draws."""
    for mode in named:
        probe = backend.probe_gpu(arch, mode)
        if not probe.usable:
            raise GpuUnavailable(probe.reason, fix=probe.fix, code=probe.code)


def _guest_contenders(
    backend: Backend, arch: Arch, named: Sequence[GpuMode], mirror: str | None
) -> Generator[Contender | Drawn, None, None]:
    from harness.cli.transfers import transfers  # noqa: PLC0415
    from harness.guests.catalogue import ensure_built  # noqa: PLC0415
    from harness.machines.gpu_guest import proved  # noqa: PLC0415
    from harness.machines.gpu_routes import GUEST_ROUTES  # noqa: PLC0415
    from harness.machines.model import MachineSpec  # noqa: PLC0415

    with transfers() as progress:
        guest = ensure_built("gpu", arch, progress=progress, mirror=mirror)
    for mode in named or GUEST_ROUTES:
        where = f"gpu ({arch}) on {backend.name}"
        click.echo(f"booting {where}, {mode}", err=True)
        try:
            with backend.machine(MachineSpec(guest, gpu=mode)) as machine:
                machine.boot(timeout_s=180)
                yield from proved(mode, machine).contenders
        except VisorbenchError as error:
            yield _undrawn(f"{where} {mode}", "", "", error)


def _draw(one: Contender, scene: str, size: tuple[int, int], options: dict[str, Any]) -> Drawn:
    from harness.gpu.metrics import metrics  # noqa: PLC0415

    click.echo(f"{one.name}: {scene}", err=True)
    try:
        report = one.draw(scene, size, frames=options["frames"], seconds=options["seconds"])
    except VisorbenchError as error:
        return _undrawn(one.name, scene, one.adapter.device, error)
    found = metrics(report)
    return Drawn(
        one.name, scene, report.adapter.device, {each.name: each.value for each in found},
        {each.name: each.unit for each in found}, report.frames.count,
    )  # fmt: skip


def _undrawn(where: str, scene: str, renderer: str, error: VisorbenchError) -> Drawn:
    told = str(error)
    if isinstance(error, GpuUnavailable | SceneUnsupported):
        return Drawn(where, scene, renderer, {}, {}, left_out=told)
    return Drawn(where, scene, renderer, {}, {}, failure=told)


def _show(rows: Sequence[Drawn]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from harness.gpu.metrics import LOW_1_PERCENT  # noqa: PLC0415
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
        table.add_row(row.where, row.scene, *cells, _drawn_by(row))
    width = None if sys.stdout.isatty() else _UNWATCHED_COLUMNS
    Console(highlight=False, markup=False, emoji=False, width=width).print(table)
    if any(row.metrics for row in rows):
        click.echo(f"1 % low: {LOW_1_PERCENT}")
    for row in rows:
        if why := row.failure or row.left_out:
            click.echo(f"{row.where} {row.scene}".rstrip() + f": {why}")


def _drawn_by(row: Drawn) -> str:
    if row.failure:
        return "failed"
    return "left out" if row.left_out else row.renderer
