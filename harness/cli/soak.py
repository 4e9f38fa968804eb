"""``visorbench soak``."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from harness.cli.main import print_json
from harness.cli.numbers import FiniteRange
from harness.counted import counted
from harness.errors import InvalidConfiguration

if TYPE_CHECKING:
    from harness.soak.census import Census
    from harness.soak.life import Happened
    from harness.soak.outcome import Outcome

SPARE_MIB = 256
"""What a machine costs its host beyond its guest's memory, at most."""
SHOWN_EVERY_S = 60


@click.command()
@click.option(
    "--hours", type=FiniteRange(min=0, min_open=True), default=1, show_default=True, metavar="H",
    help="How long, in hours.",
)  # fmt: skip
@click.option(
    "--machines",
    type=click.IntRange(1, 1000),
    default=4,
    show_default=True,
    metavar="N",
    help="How many at once.",
)
@click.option("--backend", metavar="NAME", help="tcg, kvm, hvf …; default: the fastest.")
@click.option(
    "--arch",
    "archs",
    multiple=True,
    metavar="ARCH",
    help="arm64 or x86-64 (repeatable); default: the host's.",
)
@click.option("--guest", default="tiny", show_default=True, help="A reference guest.")
@click.option("--seed", type=int, metavar="N", help="Repeat the same choices; drawn by default.")
@click.option("--logs", type=click.Path(path_type=Path), default=Path("soak-logs"), show_default=True,
              help="Where what failed leaves its console and errors.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def soak(archs: tuple[str, ...], *, as_json: bool, **options: Any) -> int:
    """Boot, work, pause, reset, crash and end machines at random for hours; report failures, leaks and drift.

    Every step must lead where it should, a crash included. Afterwards the harness must hold no descriptor, thread,
    process or directory more than before, and in half an hour and more neither its memory nor the boots' times may
    drift. Exit 1 when one of these is not so.
    """
    from harness.cli.automatic import backend_name, check_accelerator  # noqa: PLC0415
    from harness.cli.guests import named_archs  # noqa: PLC0415
    from harness.cli.transfers import transfers  # noqa: PLC0415
    from harness.guests import catalogue as guests  # noqa: PLC0415
    from harness.guests.model import Arch  # noqa: PLC0415
    from harness.host.system import host_arch  # noqa: PLC0415
    from harness.machines import catalogue  # noqa: PLC0415
    from harness.machines.budget import of_host  # noqa: PLC0415
    from harness.machines.model import MachineSpec  # noqa: PLC0415
    from harness.soak.run import soak as run  # noqa: PLC0415

    wanted = named_archs(archs) if archs else [Arch(host_arch())]
    _check_logs(options["logs"])
    backend = backend_name(options["backend"], wanted[0], None)
    for arch in wanted:
        check_accelerator(catalogue.get(backend), arch)
    with transfers() as progress:
        images = [guests.ensure_built(options["guest"], arch, progress=progress) for arch in wanted]
    specs = [MachineSpec(image) for image in images]
    _check_room(options["machines"], max(spec.memory_bytes >> 20 for spec in specs))
    seed = secrets.randbits(32) if options["seed"] is None else options["seed"]
    shown = _Shown(options["hours"] * 3600)
    of_host().tell = shown.waiting
    click.echo(f"soak: {counted(options['machines'], 'machine')} on {backend}, seed {seed}", err=True)
    try:
        outcome = run(
            specs, lambda logs: catalogue.get(backend, logs=logs), machines=options["machines"],
            seconds=options["hours"] * 3600, seed=seed, logs=options["logs"], tell=shown.step, count=shown.census,
        )  # fmt: skip
    except KeyboardInterrupt:
        shown.so_far()
        raise
    if as_json:
        print_json(_as_json(outcome, seed))
    else:
        _show(outcome)
    return 0 if outcome.passed else 1


def _check_logs(folder: Path) -> None:
    """Raise DiskFull or CacheReadOnly where no logs could be left: hours later is too late."""
    from harness.host.write_errors import naming_write_errors  # noqa: PLC0415

    with naming_write_errors("logs", folder, elsewhere="name another folder with --logs"):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder):
            pass
    with suppress(OSError):  # it holds something
        folder.rmdir()


def _check_room(machines: int, memory_mib: int) -> None:
    """Raise InvalidConfiguration where they do not fit at once."""
    import psutil  # noqa: PLC0415

    free_mib = psutil.virtual_memory().available >> 20
    most = free_mib // (memory_mib + SPARE_MIB)
    if machines > most:
        raise InvalidConfiguration(
            f"{counted(machines, 'machine')} of {memory_mib} MiB: too much for the {free_mib} MiB that are free",
            fix=f"take at most {most}" if most else "end other programs",
        )


class _Shown:
    """A line a minute, and one for each failure, on stderr."""

    def __init__(self, seconds: float) -> None:
        self._began = self._last = time.monotonic()
        self._seconds = seconds
        self._steps: list[Happened] = []
        self._waits = 0

    def waiting(self, note: str) -> None:
        """Once: with more machines than processors, some wait all the time."""
        self._waits += 1
        if self._waits == 1:
            click.echo(f"{note} (said once)", err=True)

    def step(self, step: Happened) -> None:
        self._steps.append(step)
        if step.failure:
            first = step.failure.strip().splitlines()[-1]
            click.echo(f"failed: {step.machine}, {step.step}: {first} (logs: {step.logs})", err=True)

    def census(self, census: Census) -> None:
        if census.at_s - self._last < SHOWN_EVERY_S:
            return
        self._last = census.at_s
        passed, left = census.at_s - self._began, self._began + self._seconds - census.at_s
        click.echo(
            f"[{passed / 60:.0f} min] {counted(len(self._steps), 'step')}; "
            f"{counted(census.processes, 'process', 'processes')}, {counted(census.descriptors, 'descriptor')}, "
            f"{counted(census.threads, 'thread')}, {census.memory_bytes / 1e6:.0f} MB; "
            f"{max(0, left) / 60:.0f} min left",
            err=True,
        )

    def so_far(self) -> None:
        """What was done until an interruption; nothing is said of leaks and drift."""
        from harness.soak.outcome import times  # noqa: PLC0415

        if self._steps:
            _show_times(times(self._steps), err=True)


def _show_times(times: dict[str, tuple[int, float, float]], *, err: bool = False) -> None:
    click.echo(f"{'step':12}{'done':>8}{'median':>12}{'longest':>12}", err=err)
    for step, (done, median_s, longest_s) in times.items():
        click.echo(f"{step:12}{done:>8}{median_s:>10.2f} s{longest_s:>10.2f} s", err=err)


def _show(outcome: Outcome) -> None:
    _show_times(outcome.times())
    click.echo()
    for trend in outcome.trends:
        verdict = "drifts" if trend.drifts else "does not drift"
        click.echo(
            f"{trend.what}: {verdict}, {trend.per_hour:+.3g} an hour [{trend.low:.3g} to {trend.high:.3g}]"
        )
    for name, (before, after) in outcome.leaks.items():
        click.echo(f"leaked {name}: {before} before, {after} after")
    if not outcome.leaks:
        click.echo(
            "nothing leaked: as before, "
            + ", ".join(f"{count} {name}" for name, count in outcome.after.counts().items())
        )
    failures = len(outcome.failures)
    click.echo(f"{counted(len(outcome.steps), 'step')} in {outcome.seconds:.0f} s, {failures} failed")


def _as_json(outcome: Outcome, seed: int) -> dict[str, object]:
    return {
        "passed": outcome.passed,
        "seed": seed,
        "seconds": outcome.seconds,
        "steps": {
            step: {"done": done, "median_s": median_s, "longest_s": longest_s}
            for step, (done, median_s, longest_s) in outcome.times().items()
        },
        "failures": [asdict(step) | {"logs": str(step.logs)} for step in outcome.failures],
        "before": asdict(outcome.before),
        "after": asdict(outcome.after),
        "leaks": outcome.leaks,
        "trends": [asdict(trend) for trend in outcome.trends],
    }
