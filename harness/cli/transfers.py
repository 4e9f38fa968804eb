"""What a command shows while packages come: a bar where somebody watches, else one line when each begins."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.archive.fetch import Progress


@contextmanager
def transfers() -> Iterator[Progress]:
    """A Progress that is shown on stderr."""
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def line(what: str, done: int, total: int) -> None:  # noqa: ARG001 - the interface
            if what not in seen:
                seen.add(what)
                click.echo(f"{what} ({total / 1e6:.1f} MB)", err=True)

        yield line
        return

    from rich import progress as rich  # noqa: PLC0415 - only a build that is watched pays for it
    from rich.console import Console  # noqa: PLC0415

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, rich.TaskID] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, visible=done < total)

        yield update
