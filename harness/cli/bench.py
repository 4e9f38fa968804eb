"""``visorbench bench``: run the scenarios, show progress, print a table, write ``reports/latest/``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import NothingMeasured, RunNotStored, UsageError
from harness.report.reproduce import command_on_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.plugin.session import Session


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("-k", "expression", metavar="EXPR", help="Only scenarios that match, e.g. 'boot and arm64'.")
@click.option(
    "--profile", metavar="NAME", help="How much to measure: quick, standard (default), gate or full."
)
@click.option(
    "--backend",
    "backends",
    multiple=True,
    metavar="NAME",
    help="Only this backend (repeatable); default: all that work.",
)
@click.option(
    "--arch", "archs", multiple=True, metavar="ARCH", help="Only arm64 or x86-64 (repeatable); default: both."
)
@click.option(
    "--guest", metavar="NAME", help="The guest to boot; default: tiny. visorbench.toml may name yours."
)
@click.option("--qemu", type=click.Path(path_type=Path), help="Measure this QEMU: a binary, or its folder.")
@click.option(
    "--runtime",
    metavar="system|managed|PATH",
    help="Measure the host's QEMU, the one that `visorbench runtime install` brings, or a runtime's.",
)
@click.option(
    "--store", metavar="URL", help="SQLAlchemy URL of the results store; default: SQLite in the data folder."
)
@click.option("--reports", type=click.Path(path_type=Path), help="Folder of the reports; default: reports/.")
@click.option("--config", type=click.Path(path_type=Path), help="Read this instead of visorbench.toml.")
@click.option("--list", "list_only", is_flag=True, help="List the scenarios and run none.")
def bench(paths: tuple[Path, ...], expression: str | None, list_only: bool, **options: Any) -> int:
    """Measure every usable backend against native.

    PATHS are scenario files or folders; without any, those that come with VisorBench.
    """
    if not list_only:
        return measure(paths, expression, options)[0]
    import pytest  # noqa: PLC0415 - not for --help

    from harness.cli.bench_list import Listing  # noqa: PLC0415

    listing = Listing()
    arguments = [*_pytest_arguments(paths, expression, options), "--collect-only", "-q"]
    code = int(pytest.main(arguments, plugins=[listing]))
    if listing.gave_up:
        raise listing.gave_up
    if code == pytest.ExitCode.NO_TESTS_COLLECTED and listing.session:
        raise _nothing(listing.session, expression, chosen=False)
    return _exit_code(code)


def measure(
    paths: tuple[Path, ...],
    expression: str | None,
    options: dict[str, Any],
    *,
    plugins: Iterable[object] = (),
    later: str = "report {run}",
    on_stderr: bool = False,
) -> tuple[int, Path | None]:
    """Run scenarios, show progress, and write the report; returns the exit code and the run's folder.

    ``options`` are those of the configuration; ``plugins`` pytest's; ``later`` is what to do with a run that was
    interrupted; ``on_stderr``: leave standard output to the caller. Raises NothingMeasured, whatever ended the session,
    and KeyboardInterrupt.
    """
    import pytest  # noqa: PLC0415 - not for --help
    from rich.console import Console  # noqa: PLC0415

    from harness.plugin.progress import Progress  # noqa: PLC0415

    arguments = _pytest_arguments(paths, expression, options)
    console = Console(stderr=on_stderr)
    progress = Progress(console)
    code = int(pytest.main(arguments, plugins=[progress, *plugins]))
    session = progress.session
    if session is None:
        return _exit_code(code), None
    page = f"\nreport: {session.reports / 'latest' / 'index.html'}"
    if session.gave_up:
        if isinstance(session.gave_up, RunNotStored):
            console.print(page, markup=False, highlight=False, soft_wrap=True)
        raise session.gave_up
    if code == pytest.ExitCode.INTERRUPTED:
        if session.run_started and session.recorder.sample_count:
            chosen = session.config
            kept = command_on_run(
                later.format(run=session.recorder.id), reports=chosen.reports, store=chosen.store
            )
            told = f"interrupted; what was measured is kept: {kept}"
            console.print(told, markup=False, highlight=False, soft_wrap=True)
        raise KeyboardInterrupt
    if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and not (
        session.run_started and session.recorder.sample_count
    ):
        raise _nothing(session, expression, chosen=code == pytest.ExitCode.OK)
    if session.run_started:
        console.print(page, markup=False, highlight=False, soft_wrap=True)
    return _exit_code(code), session.recorder.folder if session.run_started else None


def _nothing(session: Session, expression: str | None, *, chosen: bool) -> NothingMeasured:
    """Why there is no number; ``chosen``: there were scenarios to run."""
    if session.left_out:
        return NothingMeasured(
            f"nothing was measured: the profile {session.config.profile} leaves out {' and '.join(session.left_out)}",
            fix="name one that does not: --profile full, or one of yours in visorbench.toml",
        )
    if expression and not chosen:
        return NothingMeasured(
            f"no scenario of what was named matches -k {shlex.quote(expression)}",
            fix="`visorbench bench --list` names them",
        )
    return NothingMeasured(
        "nothing was measured",
        fix="`visorbench doctor` says what this host can run; `bench --list` what there is",
    )


def _pytest_arguments(paths: tuple[Path, ...], expression: str | None, options: dict[str, Any]) -> list[str]:
    """What pytest is told, once everything in it makes sense. Raises UsageError."""
    from harness.config.load import load  # noqa: PLC0415 - pydantic
    from harness.host.paths import shipped  # noqa: PLC0415

    load(options.get("config"), options={key: value for key, value in options.items() if key != "config"})
    for path in paths:
        if not Path(str(path).partition("::")[0]).exists():
            raise UsageError(
                f"there is no scenario file {path}", fix="`visorbench bench --list` shows what there is"
            )
    arguments = ["-p", "harness.plugin", "-p", "no:cacheprovider", *map(str, paths or [shipped("scenarios")])]
    if expression:
        arguments += ["-k", expression]
    for key, value in options.items():
        for each in value if isinstance(value, tuple) else [value]:
            if each is not None:
                arguments.append(f"--vb-{key.removesuffix('s')}={each}")
    return arguments


def _exit_code(code: int) -> int:
    """pytest's exit code as ours: its 4 is usage, its 3 an error of its own, its 5 nothing collected."""
    return {4: 2, 3: 1, 5: 4}.get(code, code)
