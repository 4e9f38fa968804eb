"""Every file of a run's folder, at once."""

from __future__ import annotations

from functools import partial
from typing import IO, TYPE_CHECKING

from harness.results.files import write_csv, write_json, write_junit
from harness.results.folder import RESULTS, point_latest, publish

if TYPE_CHECKING:
    from pathlib import Path

    from harness.results.models import Run


def write_report(run: Run, folder: Path, *, latest: bool = False) -> None:
    """All files for readers, all of them or none; with ``latest``, ``reports/latest`` then points at them.

    Loads pandas and matplotlib: a process that measures calls :func:`harness.report.child.render` instead.
    Raises DiskFull, ReportsUnwritable.
    """
    from harness.report import html, markdown  # noqa: PLC0415 - jinja2, matplotlib

    page = html.render(run, folder)
    text = markdown.render(run)
    publish(
        folder,
        {
            RESULTS: partial(write_json, run),
            "samples.csv": partial(write_csv, run),
            "junit.xml": partial(write_junit, run),
            "report.md": partial(_write, text),
            "index.html": partial(_write, page),
        },
    )
    if latest:
        point_latest(folder)


def _write(text: str, stream: IO[str]) -> None:
    stream.write(text)
