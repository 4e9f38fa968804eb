"""``python -m harness.report FOLDER``: make everything of the run in a folder, in a process of its own.

It writes the folder's files, points ``latest`` at it, saves the run in the store and prints the table. A foreseen
failure is one JSON line on stderr, which :mod:`harness.report.child` turns into the same error again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.errors import VisorbenchError


def main(arguments: list[str]) -> int:
    """``arguments`` are the folder and, if any, the store's URL; returns the exit code."""
    from harness.report.terminal import print_table  # noqa: PLC0415 - after the usage is known to be right
    from harness.report.write import write_report  # noqa: PLC0415
    from harness.results.folder import read_run  # noqa: PLC0415
    from harness.results.store import Store  # noqa: PLC0415

    folder = Path(arguments[0])
    try:
        run = read_run(folder)
        write_report(run, folder, latest=True)
        print_table(run)
        with Store(arguments[1] if len(arguments) > 1 else None) as store:
            store.save(run)
    except VisorbenchError as error:
        told = {"error": type(error).__name__, "message": error.message, "fix": error.fix}
        sys.stderr.write(json.dumps(told) + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
