"""Standard output where it takes no more: a full disk, a terminal that is gone."""

from __future__ import annotations

import os
import sys


def stdout_takes_more() -> bool:
    """Whether an OSError that names no file was not standard output's: one that is refused is refused again."""
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")  # where nothing is buffered, there is nothing to flush
    except OSError:
        return False
    return True


def forget_stdout() -> None:
    """Let what is still buffered go nowhere: the interpreter would complain of it at its end, with a status of 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
