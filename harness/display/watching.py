"""Take every frame of a source while something draws ``vb-pattern``'s numbers, and keep count of what is seen."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.display.pattern import numbers
from harness.errors import NoFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.display.frame import Frame, FrameSource

_WAIT_S = 0.3
"""For a frame; then it is looked whether anything still draws."""


@dataclass(slots=True)
class Watched:
    """What came. ``numbers`` are those at the frames' tops, in the order of arrival; frames without a number at all,
    such as those of a text console, are left out everywhere."""

    numbers: list[int] = field(default_factory=list)
    torn: int = 0
    bytes_copied: list[int] = field(default_factory=list)
    cpu_s: float = 0.0
    """Processor time of the thread that took them."""

    @property
    def backwards(self) -> int:
        """How many frames say a lower number than the frame before them."""
        return sum(later < earlier for earlier, later in pairwise(self.numbers))

    @property
    def different(self) -> int:
        """How many of the numbers that were drawn were seen at least once."""
        return len(set(self.numbers))


def watch(
    source: FrameSource, going_on: Callable[[], bool], use: Callable[[Frame], None] | None = None
) -> Watched:
    """Take frames as long as ``going_on`` says so; each is given to ``use`` before it is given back.

    Raises DisplayLost, DisplayError.
    """
    seen, began = Watched(), time.thread_time()
    while going_on():
        try:
            with source.frame(_WAIT_S) as frame:
                said = numbers(frame.surface)
                if said.top is None and said.bottom is None:
                    continue
                if use:
                    use(frame)
                seen.torn += said.torn
                if said.top is not None:
                    seen.numbers.append(said.top)
                seen.bytes_copied.append(frame.bytes_copied)
        except NoFrame:
            continue
    seen.cpu_s = time.thread_time() - began
    return seen
