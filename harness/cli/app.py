"""``visorbench app``: a desktop application, or two side by side: size, first window, memory and CPU while idle."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.numbers import FiniteRange
from harness.cli.report import reports_option, store_option
from harness.errors import AppError, NothingCompared, UsageError
from harness.report.reproduce import command_on_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.apps.application import Application
    from harness.apps.measuring import Plan
    from harness.apps.screen import Screen
    from harness.config.model import Config
    from harness.results.recorder import RunRecorder

SCENARIO = "app"
_SIDES = ("A", "B")


@click.command()
@click.argument("command", required=False, metavar="[CMD]")
@click.option("--a", "of_a", metavar="CMD", help="Compare this command …")
@click.option("--b", "of_b", metavar="CMD", help="… with this one, in turns.")
@click.option("--bundle", "bundles", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
              help="The file or folder that CMD (with --a and --b: each, in turn) is shipped as; default: its .app, "
              "else the program's own file.")  # fmt: skip
@click.option(
    "--rounds", type=click.IntRange(1, 1000), default=5, show_default=True, help="Warm starts of each."
)
@click.option("--cold-rounds", type=click.IntRange(0, 1000), default=3, show_default=True,
              help="Starts with an empty page cache (Linux, as root).")  # fmt: skip
@click.option("--settle", "settle_s", type=FiniteRange(0.1, 3600), default=5, show_default=True, metavar="S",
              help="Seconds from the first window until it counts as idle, and of looking at it then.")  # fmt: skip
@click.option("--timeout", "timeout_s", type=FiniteRange(1, 3600), default=60, show_default=True, metavar="S",
              help="How long to wait for a window.")  # fmt: skip
@click.option("--machines", type=click.IntRange(0, 100), default=0, show_default=True, metavar="N",
              help="Measure again with N machines of the guest tiny running on this host.")  # fmt: skip
@click.option("--real", is_flag=True, help="On the display of this session; default: on a private Xvfb.")
@click.option("--config", type=click.Path(path_type=Path), help="Read this instead of visorbench.toml.")
@store_option
@reports_option
def app(command: str | None, of_a: str | None, of_b: str | None, **options: Any) -> int:
    """Measure an application: the size of its bundle, cold and warm start to the first window, PSS and CPU while idle.

    CMD is a command line. Its first window is the first one of its processes' that an X server shows: on Wayland it
    goes through Xwayland. Two applications are started in turns on the same display, and compared as `visorbench ab`
    does. The private display comes from the host's Xvfb, or from a runtime that is installed unasked. None of the
    application's processes is left afterwards.

    \b
    visorbench app 'xclock -update 1'
    visorbench app --a ./electron/app --b ./tauri/app --bundle electron --bundle tauri --machines 2

    Exit codes: 0 measured, 1 an application failed, 2 usage, 3 the host lacks something.
    """
    from harness.apps.measuring import Plan  # noqa: PLC0415
    from harness.config.load import load  # noqa: PLC0415 - pydantic

    applications = _applications(command, of_a, of_b, options["bundles"])
    said = {key: options[key] for key in ("store", "reports")}
    config = load(options["config"], options=said)
    plan = Plan(options["rounds"], options["cold_rounds"], options["settle_s"], options["timeout_s"])
    folder, failed = _measure(applications, plan, config, real=options["real"], machines=options["machines"])
    if len(applications) > 1 and not failed:
        from harness.cli.ab import show_sides  # noqa: PLC0415

        try:
            show_sides(folder, options)
        except NothingCompared as error:  # too few rounds to tell from chance: both are measured all the same
            click.echo(f"nothing can be judged: {error.message}")
    click.echo(f"\nreport: {folder / 'index.html'}")
    return 1 if failed else 0


def _applications(
    command: str | None, of_a: str | None, of_b: str | None, bundles: tuple[Path, ...]
) -> list[Application]:
    """One, or A and B. Raises UsageError, ToolMissing."""
    from harness.apps.application import Application  # noqa: PLC0415

    commands = [each for each in (of_a, of_b) if each is not None] or [each for each in (command,) if each]
    if not commands:
        raise UsageError("no application to measure", fix="name one CMD, or two with --a and --b")
    if command and (of_a or of_b):
        raise UsageError(
            f"{command!r} beside --a and --b is one application too many", fix="name it as one of the two"
        )
    if (of_a is None) != (of_b is None):
        there, lacking = ("--a", "--b") if of_b is None else ("--b", "--a")
        raise UsageError(f"{there} has nothing to be compared with", fix=f"name the other with {lacking}")
    if len(bundles) > len(commands):
        raise UsageError(f"{len(bundles)} bundles for {len(commands)} applications", fix="name one for each")
    named = [*bundles, *[None] * len(commands)]
    return [Application.of(each, bundle=bundle) for each, bundle in zip(commands, named, strict=False)]


def _measure(
    applications: list[Application], plan: Plan, config: Config, *, real: bool, machines: int
) -> tuple[Path, bool]:
    """The run's folder, and whether an application failed."""
    from harness.apps.measuring import DEFINITIONS, Measuring  # noqa: PLC0415
    from harness.apps.windows import watching  # noqa: PLC0415
    from harness.host.lock import measuring_lock  # noqa: PLC0415
    from harness.report.child import render  # noqa: PLC0415

    with ExitStack() as stack:
        stack.enter_context(measuring_lock(600, lambda holder: click.echo(f"waiting for {holder}", err=True)))
        screen = stack.enter_context(_screen(config, real=real))
        watch = stack.enter_context(watching(screen))
        recorder = stack.enter_context(_recorder(config))
        subjects = _subjects(recorder, applications, screen)

        def take(application: Application, metric: str, value: float, *, unit: str) -> None:
            subject = subjects[application]
            recorder.sample(SCENARIO, metric, unit=unit, better="lower", subject=subject, value=value)
            recorder.about(SCENARIO, metric, subject=subject, definition=DEFINITIONS[metric])

        measuring = Measuring(
            applications, screen, watch, plan, take, lambda text: click.echo(text, err=True)
        )
        failed = False
        try:
            measuring.bundles()
            measuring.starts()
            if machines:
                with _running_machines(machines):
                    measuring.with_machines()
            if plan.cold_rounds:
                _cold_starts(measuring, recorder)
        except AppError as error:
            recorder.fail(SCENARIO, error=error)
            failed = True
        except KeyboardInterrupt:
            recorder.close()
            kept = command_on_run(f"report {recorder.id}", reports=config.reports, store=config.store)
            click.echo(f"interrupted; what was measured is kept: {kept}", err=True)
            raise
        recorder.end()
    render(recorder.folder, store=config.store)
    return recorder.folder, failed


def _cold_starts(measuring: Any, recorder: RunRecorder) -> None:
    from harness.host.page_cache import droppable  # noqa: PLC0415

    if droppable():
        measuring.cold_starts()
        return
    why = "only root on Linux may drop the page cache"
    recorder.skip(SCENARIO, code="no-drop-caches", reason=why, fix="run it as root, or with --cold-rounds 0")


@contextmanager
def _screen(config: Config, *, real: bool) -> Iterator[Screen]:
    from harness.apps.screen import private_screen, real_screen, xvfb_command  # noqa: PLC0415
    from harness.cli.transfers import transfers  # noqa: PLC0415

    if real:
        yield real_screen()
        return
    with transfers() as progress:
        xvfb = xvfb_command(progress, config.mirror)
    with private_screen(xvfb) as screen:
        yield screen


def _recorder(config: Config) -> RunRecorder:
    from harness.config.load import reports_folder  # noqa: PLC0415
    from harness.host.provenance import commit  # noqa: PLC0415
    from harness.plugin.session import host_facts  # noqa: PLC0415
    from harness.results.recorder import RunRecorder  # noqa: PLC0415
    from harness.results.writable import check_writable  # noqa: PLC0415

    reports = reports_folder(config)
    check_writable(reports)
    return RunRecorder(SCENARIO, host_facts(), reports=reports, commit=commit())


def _subjects(
    recorder: RunRecorder, applications: list[Application], screen: Screen
) -> dict[Application, str]:
    """Application → its subject; of two each is a side, as `visorbench ab` knows them."""
    from harness.host.system import host_arch  # noqa: PLC0415

    subjects: dict[Application, str] = {}
    for number, each in enumerate(applications):
        sided = len(applications) > 1
        side = {"side": _SIDES[number], "pair": SCENARIO} if sided else {}
        config = {"label": f"{_SIDES[number]} {each.label}" if sided else each.label, "command": list(each.command),
                  "bundle": str(each.bundle), "display": screen.what, **side}  # fmt: skip
        subjects[each] = recorder.subject(
            backend=SCENARIO, arch=host_arch(), config=config, variant=_SIDES[number] if sided else each.label
        )
    return subjects


@contextmanager
def _running_machines(count: int) -> Iterator[None]:
    """So many of the guest tiny, booted."""
    from harness.cli.automatic import backend_name  # noqa: PLC0415
    from harness.cli.transfers import transfers  # noqa: PLC0415
    from harness.guests import catalogue as guests  # noqa: PLC0415
    from harness.guests.model import Arch  # noqa: PLC0415
    from harness.host.system import host_arch  # noqa: PLC0415
    from harness.machines import catalogue  # noqa: PLC0415
    from harness.machines.model import MachineSpec, Phase  # noqa: PLC0415

    arch = Arch(host_arch())
    with transfers() as progress:
        image = guests.ensure_built("tiny", arch, progress=progress)
    backend = catalogue.get(backend_name(None, arch, None))
    with ExitStack() as stack:
        for _ in range(count):
            machine = stack.enter_context(backend.machine(MachineSpec(image)))
            machine.boot(Phase.GUEST_READY, timeout_s=300)
        yield
