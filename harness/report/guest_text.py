"""Text that came from a guest, made fit to be shown: escaping is the template's part, this removes what even
escaped text can do to a terminal or a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.host.paths import without_home

if TYPE_CHECKING:
    from pathlib import Path

TAIL_BYTES = 8192
TAIL_LINES = 20

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
"""Control sequences of ECMA-48, and operating-system commands ended by BEL or ST."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, and those that reorder the text around them (Unicode TR 36)."""


def plain(text: str) -> str:
    """``text`` without control sequences, control characters and marks that reorder what surrounds them."""
    return _CONTROL.sub("", _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def tail(folder: Path, log: str) -> str:
    """The last lines of a log within ``folder``; empty when it is not there, or lies elsewhere."""
    path = (folder / log).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return ""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - TAIL_BYTES))
        text = stream.read().decode("utf-8", "replace")
    return "\n".join(plain(without_home(text)).splitlines()[-TAIL_LINES:])
