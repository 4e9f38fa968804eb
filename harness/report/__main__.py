"""``python -m harness.report FOLDER``: make everything of the run in a folder, in a process of its own.

It writes the folder's files, points ``latest`` at it, prints the table and saves the run in the store that
``VISORBENCH_STORE`` names, with those that wait for that store. A foreseen failure is one JSON line on stderr,
which :mod:`harness.report.child` turns into the same error again.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import DiskFull, OutputRefused, ReportsUnwritable, VisorbenchError
from harness.host.standard_output import forget_stdout
from harness.report.reproduce import command_on_run

if TYPE_CHECKING:
    from collections.abc import Callable


def main(arguments: list[str]) -> int:
    """``arguments`` are the folder; returns the exit code."""
    from harness.report.terminal import print_delivery, print_table  # noqa: PLC0415 - slow to import
    from harness.report.write import write_report  # noqa: PLC0415
    from harness.results.folder import read_run  # noqa: PLC0415
    from harness.results.undelivered import save  # noqa: PLC0415

    folder, store = Path(arguments[0]), os.environ.get("VISORBENCH_STORE")
    try:
        run = read_run(folder)
        unwritten = _unwritten(lambda: write_report(run, folder, latest=True))
        refused = _shown(lambda: print_table(run))
        delivery = save(run, folder, store)
        refused = refused or _shown(lambda: print_delivery(delivery))
        if unwritten:
            again = command_on_run(f"report {run.id}", reports=folder.parent, store=store)
            unwritten.fix = (
                f"the run is stored, and nothing of it is lost: make room there, or make it writable, and "
                f"`{again}` writes the report; with another folder for --reports it does so elsewhere"
            )
            raise unwritten
        if refused:
            raise refused
    except VisorbenchError as error:
        told = {"error": type(error).__name__, "message": error.message, "fix": error.fix}
        sys.stderr.write(json.dumps(told) + "\n")
        return error.exit_code
    return 0


def _unwritten(write: Callable[[], None]) -> VisorbenchError | None:
    """Why there is no report: the run is yet to be stored, and can be reported from there."""
    try:
        write()
    except (DiskFull, ReportsUnwritable) as error:
        return error
    return None


def _shown(show: Callable[[], None]) -> OutputRefused | None:
    """Why it could not be shown: by then it is written, and yet to be stored."""
    try:
        show()
    except OSError as error:
        forget_stdout()
        return OutputRefused.because(error)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
