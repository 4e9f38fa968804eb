"""Bytes as they arrive → blocks of clean lines, the same lines however the bytes were cut.

A line ends at a run of carriage returns and line feeds, so that blank lines do not count and a progress
display that returns the carriage counts as lines. Text is UTF-8, what is not becomes U+FFFD; terminal control
sequences (ECMA-48) and other control characters but the tab are removed. A line that does not end is cut at
LONGEST bytes.

Everything works on blocks, not lines: a guest that floods its console with ``yes`` writes fifty million lines
a second, and only a search over the block keeps up.
"""

from __future__ import annotations

import re

LONGEST = 8192
"""Bytes of a line before it is cut."""

_ESCAPE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    rb"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC, DCS, …: titles
    rb"|\x1b[ -/]*[0-~]"  # two-character escapes, character sets
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*|[ -/]*)$")
_CONTROL = bytes({*range(0x20), 0x7F} - {0x09, 0x0A})


def lines_of(block: str) -> list[str]:
    """The lines of a block, blank ones left out."""
    return [line for line in block.split("\n") if line]


class LineSplitter:
    """Give it what arrives, get the block of lines that this completes."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> str:
        """The lines that ``data`` completes, each with a line feed behind it; empty when it completes none."""
        data = self._cut(self._rest + data.replace(b"\r", b"\n"))
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        return _clean(data[:end])

    @property
    def partial(self) -> str:
        """The line that has begun and not ended: a prompt, perhaps."""
        return _clean(_UNFINISHED.sub(b"", self._rest))

    def finish(self) -> str:
        """The last line, when it never ended."""
        last, self._rest = self._rest, b""
        return _clean(last + b"\n") if last else ""

    def _cut(self, data: bytes) -> bytes:
        """Put a line feed behind every LONGEST bytes of a line; from line end to line end in long strides."""
        start = 0
        pieces: list[bytes] = []
        while start + self._longest <= len(data):
            end = data.rfind(b"\n", start, start + self._longest) + 1
            if not end:
                end = start + self._longest
                pieces += [data[start if pieces else 0 : end], b"\n"]
            elif pieces:
                pieces.append(data[start:end])
            start = end
        return b"".join([*pieces, data[start:]]) if pieces else data


def _clean(block: bytes) -> str:
    if b"\x1b" in block:
        block = _ESCAPE.sub(b"", block)
    return block.translate(None, _CONTROL).decode(errors="replace")
