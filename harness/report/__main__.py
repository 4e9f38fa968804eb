"""``python -m harness.report FOLDER [--latest]``: write the report of the run in a folder, in a process of
its own.

A foreseen failure is one JSON line on stderr, which :mod:`harness.report.child` turns into the same error
again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.errors import VisorbenchError


def main(arguments: list[str]) -> int:
    """Write the report; returns the exit code."""
    from harness.report.write import write_report  # noqa: PLC0415 - after the usage is known to be right
    from harness.results.folder import read_run  # noqa: PLC0415

    folder = Path(arguments[0])
    try:
        write_report(read_run(folder), folder, latest="--latest" in arguments[1:])
    except VisorbenchError as error:
        told = {"error": type(error).__name__, "message": error.message, "fix": error.fix}
        sys.stderr.write(json.dumps(told) + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
