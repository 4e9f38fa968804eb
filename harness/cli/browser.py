"""A page that a command has written, shown in the user's browser."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from harness.errors import ToolMissing

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_S = 3.0
"""Who opens the page has said by then that it cannot, or it is the browser itself, which stays."""


def open_page(page: Path) -> None:
    """Open it with what the desktop has for that, none of whose own output is shown.

    Raises ToolMissing, which names the page, where nothing opens it.
    """
    if not _opened(page):
        raise ToolMissing("no browser could be opened on this host", fix=f"open {page.resolve()} yourself")


def _opened(page: Path) -> bool:
    if sys.platform == "win32":
        import os  # noqa: PLC0415 - beside its only use

        try:
            os.startfile(page.resolve())  # noqa: S606 - what a shell would open it with
        except OSError:
            return False
        return True
    program = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        opener = subprocess.Popen(
            [program, page.resolve()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,  # the browser outlives the command, and its Ctrl-C
        )  # fmt: skip
    except OSError:
        return False
    try:
        return opener.wait(ANSWER_S) == 0
    except subprocess.TimeoutExpired:
        return True
