"""Values of ours as the library's structs, and the library's failures as errors of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.encoder.model import IOSurface
from harness.errors import EncodeFailed, InvalidConfiguration, SurfaceUnusable

if TYPE_CHECKING:
    from harness.encoder.binding import Binding
    from harness.encoder.model import Surface
    from harness.errors import VisorbenchError

_U32, _U64, _I32 = 1 << 32, 1 << 64, 1 << 31


class Failures:
    """Where the library says what was wrong: ``said`` goes into every call that can fail."""

    def __init__(self, bound: Binding) -> None:
        self._c = bound.c
        self._ffi = bound.ffi
        self.said = bound.ffi.new("vb_encoder_failure *")

    def check(self, status: int, *, configuring: bool = False) -> None:
        """Raise what ``status`` is: InvalidConfiguration, SurfaceUnusable or EncodeFailed; nothing when all is well."""
        if status != self._c.VB_ENCODER_OK:
            raise self._error(status, configuring=configuring)

    def _error(self, status: int, *, configuring: bool) -> VisorbenchError:
        c = self._c
        text = self._ffi.string(self.said.message).decode(errors="replace")
        if status == c.VB_ENCODER_BAD_CONFIG or (configuring and status == c.VB_ENCODER_UNSUPPORTED):
            return InvalidConfiguration(text)
        if status in (c.VB_ENCODER_BAD_SURFACE, c.VB_ENCODER_SHORT_SURFACE, c.VB_ENCODER_MAP_FAILED,
                      c.VB_ENCODER_UNSUPPORTED):  # fmt: skip
            return SurfaceUnusable(text, system_error=self.said.system_error)
        return EncodeFailed(text, system_error=self.said.system_error)


def fill_in(native: Any, surface: Surface, bound: Binding) -> object:
    """Fill in the vb_surface ``native``; what must live for as long as it is read is returned.

    Raises SurfaceUnusable for numbers that no surface can have.
    """
    c = bound.c
    for name in ("width", "height", "stride"):
        value = getattr(surface, name)
        if not 0 <= value < _U32:
            raise SurfaceUnusable(f"a surface cannot have a {name} of {value}")
        setattr(native, name, value)
    if not 0 <= surface.offset < _U64:
        raise SurfaceUnusable(f"a surface cannot begin at {surface.offset}")
    native.fourcc, native.offset = surface.format, surface.offset
    native.fd, native.size, native.memory = -1, 0, bound.ffi.NULL
    match surface.memory:
        case int(fd):
            native.kind = c.VB_SURFACE_FD
            native.fd = fd if -1 <= fd < _I32 else -1
            return None
        case IOSurface(reference):
            native.kind = c.VB_SURFACE_IOSURFACE
            native.memory = bound.ffi.cast("void *", reference)
            return surface.memory
        case buffer:
            native.kind = c.VB_SURFACE_MEMORY
            held = bound.ffi.from_buffer(buffer)
            native.memory, native.size = held, len(held)
            return held


def in_range(what: str, value: int, *, least: int = 0) -> int:
    """``value``, which fits into 32 bits; raises InvalidConfiguration."""
    if not least <= value < _U32:
        raise InvalidConfiguration(f"{what} of {value} is not possible in a stream")
    return value
