"""Finding a line in a block of many, as if every line were searched on its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.channels.splitter import lines_of
from harness.channels.stamp import Stamp
from harness.errors import InvalidConfiguration

_LINE_BOUND = re.compile(r"\\[AZ]|\(\?(?:[=!<>]|[a-z]*-)|[*+?}]\+")
"""Anchors to the ends of the text, lookaround, atomic groups, flags switched off, possessive quantifiers: in
a block of lines these could miss what a search line by line finds."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end and control sequences, and when it arrived."""

    text: str
    stamp: Stamp


class LinePattern:
    """A regular expression for one line. Raises InvalidConfiguration for one that does not compile."""

    def __init__(self, pattern: str | re.Pattern[str]) -> None:
        try:
            self.line = re.compile(pattern)
        except re.error as error:
            raise InvalidConfiguration(
                f"{pattern!r} is not a regular expression: {error}", fix="see Python's re", pattern=pattern
            ) from error
        source, flags = self.line.pattern, self.line.flags
        self._block = None if _LINE_BOUND.search(source) else re.compile(source, flags | re.MULTILINE)
        # Unanchored it is found wherever it is found at all, and ten times as fast: re looks for its first letters.
        loose = source.removeprefix("^") if self._block else source
        self._loose = re.compile(loose, flags | re.MULTILINE) if loose != source else None

    def find(self, block: str, at_ns: int) -> Line | None:
        """The first line of the block in which the pattern is found."""
        if not block or any(each and not each.search(block) for each in (self._loose, self._block)):
            return None
        for text in lines_of(block):
            if self.line.search(text):
                return Line(text, Stamp(at_ns))
        return None
