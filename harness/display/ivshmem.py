"""Frames in memory that the guest and we share, an ivshmem device's: the guest draws there, and nothing is copied.

The layout, and who may touch which page when, is in ``native/pattern/shared.h``. The guest is not believed: whatever it
writes is read once and checked against the memory that is there, and a page that it draws into although we have it is
found when it is given back.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.channels.stamp import Stamp
from harness.display.frame import Damage, Frame, PixelFormat, Surface
from harness.errors import DisplayError, DisplayLost, NoFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAGIC = 0x52464256
_GENERATION, _WIDTH, _LATEST, _DRAWING, _TAKEN, _PAGE = 1, 2, 8, 9, 16, 32
_PAGE_WORDS = 8
_MOST_PAGES = 8
_PIXELS_AT = 4096
_LOOK_S = 0.000_25
"""Between two looks: there is no doorbell."""


@dataclass(frozen=True, slots=True)
class _Layout:
    generation: int
    pages: tuple[Surface, ...]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A frame's place and name: the same page with another sequence is another frame."""

    page: int
    generation: int
    sequence: int


class SharedMemoryDisplay:
    """Frames that a guest shows in ``memory``, the latest whenever one is asked for; the guest never waits for us.

    ``ended``: whether the guest's machine is gone, which memory does not tell. There can be one reader of a memory at a
    time. What was shown before this was made is no frame of it.
    """

    name = "ivshmem"

    def __init__(self, memory: memoryview, ended: Callable[[], bool]) -> None:
        if len(memory) < _PIXELS_AT:
            raise DisplayError(f"a shared memory of {len(memory)} bytes has no room for frames")
        self._memory = memory
        self._words = memory[:_PIXELS_AT].cast("I")
        self._ended = ended
        self._layout: _Layout | None = None
        self._sequence = 0
        self._closed = False
        self._words[_TAKEN] = 0  # by a reader that is no more
        self._last = self._shown()

    @contextmanager
    def frame(self, timeout_s: float) -> Iterator[Frame]:
        """As :meth:`harness.display.frame.FrameSource.frame`; the guest draws into other pages until the block ends.

        Raises DisplayError at its end when the guest has drawn into this one: what was read was of two frames.
        """
        shown, surface, stamp = self._await(time.monotonic() + timeout_s)
        try:
            damage = self._damage(shown, surface)
            self._last = shown
            yield Frame(surface, damage, self._sequence, stamp, bytes_copied=0)
            self._sequence += 1
            if not self._is_still(shown):
                raise DisplayError("the guest drew into a page of its shared memory while it was being read")
        finally:
            self._words[_TAKEN] = 0

    def close(self) -> None:
        """Look no more; whoever waits for a frame learns it. Idempotent."""
        self._closed = True

    def _await(self, deadline: float) -> tuple[_Shown, Surface, Stamp]:
        """The next frame, taken, and how long ago it was not there yet; raises NoFrame, DisplayLost."""
        looked_ns = time.monotonic_ns()
        while True:
            if self._closed:
                raise DisplayLost("the shared memory is no longer looked at")
            now_ns = time.monotonic_ns()
            shown = self._shown()
            if shown and shown != self._last:
                surface = self._take(shown)
                if surface:
                    return shown, surface, Stamp(now_ns, now_ns - looked_ns)
            if self._ended():
                raise DisplayLost("the machine whose memory is shared has ended")
            if time.monotonic() >= deadline:
                raise NoFrame("the guest showed nothing new in its shared memory in time")
            looked_ns = now_ns
            time.sleep(_LOOK_S)

    def _shown(self) -> _Shown | None:
        """What is shown now; None where nothing is, or nothing that can be."""
        words = self._words
        generation, page = words[_GENERATION], words[_LATEST] - 1
        if words[0] != MAGIC or generation % 2 or not 0 <= page < _MOST_PAGES:
            return None
        sequence = words[_PAGE + _PAGE_WORDS * page]
        return _Shown(page, generation, sequence) if sequence and not sequence % 2 else None

    def _take(self, shown: _Shown) -> Surface | None:
        """Its pixels, unless the guest is about to draw there; raises DisplayError."""
        if self._layout is None or self._layout.generation != shown.generation:
            self._layout = self._read_layout(shown.generation)
        if self._layout is None or shown.page >= len(self._layout.pages):
            return None
        self._words[_TAKEN] = shown.page + 1
        if self._words[_DRAWING] != shown.page + 1 and self._is_still(shown):
            return self._layout.pages[shown.page]
        self._words[_TAKEN] = 0
        return None

    def _is_still(self, shown: _Shown) -> bool:
        words = self._words
        sequence = words[_PAGE + _PAGE_WORDS * shown.page]
        return (words[_GENERATION], sequence) == (shown.generation, shown.sequence)

    def _read_layout(self, generation: int) -> _Layout | None:
        """None when it changes meanwhile; raises DisplayError for one that does not fit into the memory."""
        width, height, stride, fourcc, pages, page_bytes = self._words[_WIDTH:_LATEST]
        if self._words[_GENERATION] != generation:
            return None
        if not 0 < pages <= _MOST_PAGES:
            raise DisplayError(f"the guest shows {pages} pages in its shared memory, which has {_MOST_PAGES}")
        try:
            pixel_format = PixelFormat(fourcc)
        except ValueError:
            raise DisplayError(f"the guest's shared memory has the pixel format {fourcc:#x}") from None
        begins = (_PIXELS_AT + page * page_bytes for page in range(pages))
        memories = (self._memory[begin : begin + page_bytes].toreadonly() for begin in begins)
        surfaces = tuple(Surface.of(memory, width, height, stride, pixel_format) for memory in memories)
        return _Layout(generation, surfaces)

    def _damage(self, shown: _Shown, surface: Surface) -> Damage:
        """What the guest says, where the frame before it was seen too; else all."""
        at = _PAGE + _PAGE_WORDS * shown.page + 1
        x, y, width, height = self._words[at : at + 4]
        last = self._last
        follows = last and (last.generation, last.sequence + 2) == (shown.generation, shown.sequence)
        if not follows or x + width > surface.width or y + height > surface.height or not width or not height:
            return surface.whole
        return Damage(x, y, width, height)
