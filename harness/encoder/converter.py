"""The first of two steps: surfaces become pictures, which are encoded when there is time for that.

A display that waits while its surface is read then waits for the colour conversion alone, never for the encoder.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from harness.encoder import binding
from harness.encoder.model import Backend, Colour
from harness.encoder.native import Failures, fill_in
from harness.errors import WrongState

if TYPE_CHECKING:
    from harness.encoder.binding import Binding
    from harness.encoder.model import Surface

_SPARE = 4
"""Pictures kept for the next surfaces: to page in a new one costs as much as to convert into it."""


class Picture:
    """A surface as an encoder takes it. Made by :meth:`Converter.convert`, ended by :meth:`Converter.give_back`.

    ``copied_bytes``: of pixels, by the CPU, other than by colour conversion.
    """

    __slots__ = ("_held", "borrows", "convert_ns", "copied_bytes", "height", "map_ns", "native", "width")

    def __init__(self, native: Any) -> None:
        self.native = native
        self.width = self.height = 0
        self.copied_bytes = self.map_ns = self.convert_ns = 0
        self.borrows = False
        """Whether the surface's own pixels will be encoded, so that it must stay: NV12, and VideoToolbox's surfaces."""
        self._held: object = None

    def holds(self, facts: Any, held: object) -> None:
        """The library has made it of a surface, whose memory is ``held`` where it is needed."""
        self.width, self.height, self.borrows = facts.width, facts.height, bool(facts.borrows)
        self.copied_bytes, self.map_ns, self.convert_ns = facts.copied_bytes, facts.map_ns, facts.convert_ns
        self._held = held if self.borrows else None


class Converter:
    """Makes pictures for streams of one backend and colour: a context manager, for any thread, one at a time.

    While one thread converts, another may encode what was converted before. Entering raises InvalidConfiguration and
    what :func:`harness.encoder.build.library` raises.
    """

    def __init__(
        self,
        backend: Backend = Backend.X264,
        colour: Colour = Colour.BT601_LIMITED,
        *,
        using: Binding | None = None,
    ) -> None:
        self._wanted = (backend, colour)
        self._binding = using
        self._lock = threading.Lock()
        self._converter: Any = None
        self._spare: list[Picture] = []

    def __enter__(self) -> Self:
        bound = self._binding = self._binding or binding.load()
        self._failures = Failures(bound)
        self._surface = bound.ffi.new("vb_surface *")
        self._facts = bound.ffi.new("vb_picture_facts *")
        opened = bound.ffi.new("vb_converter **")
        status = bound.c.vb_converter_open(*self._wanted, opened, self._failures.said)
        self._failures.check(status, configuring=True)
        self._converter = opened[0]
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def convert(self, surface: Surface) -> Picture:
        """Read ``surface``, which is not needed any more afterwards unless the picture borrows.

        Raises SurfaceUnusable, EncodeFailed; WrongState outside of ``with``.
        """
        with self._lock:
            bound, converter = self._opened()
            picture = self._spare.pop() if self._spare else self._made(bound)
            held = fill_in(self._surface, surface, bound)
            status = bound.c.vb_converter_convert(
                converter, self._surface, picture.native, self._failures.said
            )
            self._failures.check(status)
            bound.c.vb_picture_get_facts(picture.native, self._facts)
            picture.holds(self._facts, held)
            return picture

    def give_back(self, picture: Picture) -> None:
        """It is not wanted any more: a surface that it borrowed may go, its memory is used again."""
        with self._lock:
            if self._binding is None or self._converter is None:
                return
            self._binding.c.vb_picture_release(picture.native)
            picture.holds(self._binding.ffi.new("vb_picture_facts *"), None)
            if len(self._spare) < _SPARE:
                self._spare.append(picture)

    @property
    def mappings(self) -> int:
        """How often a file was mapped; raises WrongState."""
        with self._lock:
            bound, converter = self._opened()
            return int(bound.c.vb_converter_mappings(converter))

    def close(self) -> None:
        """No more pictures; those that were made can still be encoded, if they do not borrow. Twice is fine."""
        with self._lock:
            converter, self._converter = self._converter, None
            self._spare.clear()
            if converter is not None and self._binding is not None:
                self._binding.c.vb_converter_close(converter)

    def _opened(self) -> tuple[Binding, Any]:
        if self._converter is None or self._binding is None:
            raise WrongState(
                "the converter is not open", fix="use it inside of `with`", state="closed", required="open"
            )
        return self._binding, self._converter

    def _made(self, bound: Binding) -> Picture:
        native = bound.c.vb_picture_new()
        if native == bound.ffi.NULL:
            raise MemoryError("no memory for a picture")
        return Picture(bound.ffi.gc(native, bound.c.vb_picture_free))
