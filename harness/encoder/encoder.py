"""An encoder: surfaces in, access units out, each complete before the next surface is taken."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from harness.encoder import binding
from harness.encoder.model import AccessUnit, Bitrate, EncoderStats, IOSurface, Quality
from harness.errors import EncodeFailed, InvalidConfiguration, SurfaceUnusable, WrongState

if TYPE_CHECKING:
    from types import TracebackType

    from harness.encoder.binding import Binding
    from harness.encoder.model import Backend, EncoderConfig, Surface
    from harness.errors import VisorbenchError

_U32, _U64, _I32 = 1 << 32, 1 << 64, 1 << 31


def backends() -> frozenset[Backend]:
    """Which backends this host's library has; raises what :func:`harness.encoder.build.library` raises."""
    from harness.encoder.model import Backend  # noqa: PLC0415 - for its members, which typing alone does not need

    c = binding.load().c
    return frozenset(backend for backend in Backend if c.vb_encoder_has(backend))


class Encoder:
    """One stream, from its first frame to its last: a context manager, for one thread at a time (it sees to that).

    Arguments: ``config``; ``using``, a library to use in the place of this host's. Entering raises
    InvalidConfiguration, EncodeFailed, and what :func:`harness.encoder.build.library` raises.
    """

    def __init__(self, config: EncoderConfig, *, using: Binding | None = None) -> None:
        self._config = config
        self._binding = using
        self._lock = threading.Lock()
        self._encoder: Any = None
        self._unit: Any = None
        self._surface: Any = None
        self._failure: Any = None
        self.size = (config.width, config.height)

    def __enter__(self) -> Self:
        bound = self._binding = self._binding or binding.load()
        self._unit = bound.ffi.new("vb_access_unit *")
        self._surface = bound.ffi.new("vb_surface *")
        self._failure = bound.ffi.new("vb_encoder_failure *")
        opened = bound.ffi.new("vb_encoder **")
        status = bound.c.vb_encoder_open(self._native_config(bound), opened, self._failure)
        if status != bound.c.VB_ENCODER_OK:
            raise self._error(bound, status)
        self._encoder = opened[0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream; closing twice is fine."""
        with self._lock:
            encoder, self._encoder = self._encoder, None
            if encoder is not None and self._binding is not None:
                self._binding.c.vb_encoder_close(encoder)

    def encode(self, surface: Surface, pts: int = 0) -> AccessUnit:
        """One frame; ``pts`` (of any unit, signed 64-bit) comes back with it.

        A surface of another size than the one before makes a keyframe with new parameter sets. Raises
        SurfaceUnusable, and nothing was read; EncodeFailed; WrongState outside of ``with``.
        """
        with self._lock:
            bound, encoder = self._opened()
            keep_alive = self._fill_in(bound, surface)
            status = bound.c.vb_encoder_encode(encoder, self._surface, pts, self._unit, self._failure)
            if status == bound.c.VB_ENCODER_OTHER_SIZE:
                size = surface.width, surface.height
                self._check(bound, bound.c.vb_encoder_resize(encoder, *size, self._failure))
                self.size = size
                status = bound.c.vb_encoder_encode(encoder, self._surface, pts, self._unit, self._failure)
            del keep_alive
            self._check(bound, status)
            return self._access_unit(bound)

    def force_keyframe(self) -> None:
        """The next frame becomes a keyframe; raises WrongState."""
        with self._lock:
            bound, encoder = self._opened()
            bound.c.vb_encoder_force_keyframe(encoder)

    def set_bitrate(self, bitrate: Bitrate) -> None:
        """From the next frame on; raises InvalidConfiguration for a stream of constant quality, WrongState."""
        with self._lock:
            bound, encoder = self._opened()
            rate = _in_range("a bitrate", bitrate.bit_per_s, _U32)
            self._check(bound, bound.c.vb_encoder_set_bitrate(encoder, rate, self._failure), configuring=True)

    def stats(self) -> EncoderStats:
        """What was done so far; raises WrongState."""
        with self._lock:
            bound, encoder = self._opened()
            counted = bound.ffi.new("vb_encoder_stats *")
            bound.c.vb_encoder_get_stats(encoder, counted)
            return EncoderStats(*(getattr(counted, name) for name in EncoderStats.__slots__))

    def _opened(self) -> tuple[Binding, Any]:
        if self._encoder is None or self._binding is None:
            raise WrongState(
                "the encoder is not open", fix="use it inside of `with`", state="closed", required="open"
            )
        return self._binding, self._encoder

    def _native_config(self, bound: Binding) -> Any:
        config = self._config
        native = bound.ffi.new("vb_encoder_config *")
        for name in ("backend", "width", "height", "gop", "colour", "profile", "threads"):
            setattr(native, name, _in_range(name, getattr(config, name), _U32))
        native.fps_num = _in_range("frames per second", config.fps.numerator, _U32)
        native.fps_den = _in_range("frames per second", config.fps.denominator, _U32)
        match config.rate:
            case Bitrate(bit_per_s):
                # 0 would ask the library for constant quality.
                native.bitrate = _in_range("a bitrate", bit_per_s, _U32, least=1)
            case Quality(crf):
                native.crf = crf
        return native

    def _fill_in(self, bound: Binding, surface: Surface) -> object:
        """Fill in the struct of ``surface``; what must live until it was read is returned."""
        native, c = self._surface, bound.c
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
                return None
            case buffer:
                native.kind = c.VB_SURFACE_MEMORY
                held = bound.ffi.from_buffer(buffer)
                native.memory, native.size = held, len(held)
                return held

    def _access_unit(self, bound: Binding) -> AccessUnit:
        unit = self._unit
        return AccessUnit(
            data=bytes(bound.ffi.buffer(unit.data, unit.size)),
            nal_sizes=tuple(unit.nal_sizes[0 : unit.nal_count]),
            pts=unit.pts,
            is_keyframe=bool(unit.is_keyframe),
            width=unit.width,
            height=unit.height,
            map_ns=unit.map_ns,
            convert_ns=unit.convert_ns,
            encode_ns=unit.encode_ns,
        )

    def _check(self, bound: Binding, status: int, *, configuring: bool = False) -> None:
        if status != bound.c.VB_ENCODER_OK:
            raise self._error(bound, status, configuring=configuring)

    def _error(self, bound: Binding, status: int, *, configuring: bool = True) -> VisorbenchError:
        """The library's failure as an error of ours."""
        c = bound.c
        said = bound.ffi.string(self._failure.message).decode(errors="replace")
        if status == c.VB_ENCODER_BAD_CONFIG or (configuring and status == c.VB_ENCODER_UNSUPPORTED):
            return InvalidConfiguration(said)
        if status in (c.VB_ENCODER_BAD_SURFACE, c.VB_ENCODER_SHORT_SURFACE, c.VB_ENCODER_MAP_FAILED,
                      c.VB_ENCODER_UNSUPPORTED):  # fmt: skip
            return SurfaceUnusable(said, system_error=self._failure.system_error)
        return EncodeFailed(said, system_error=self._failure.system_error)


def _in_range(what: str, value: int, end: int, *, least: int = 0) -> int:
    if not least <= value < end:
        raise InvalidConfiguration(f"{what} of {value} is not possible in a stream")
    return value
