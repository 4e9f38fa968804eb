"""An encoder: surfaces in, access units out, each complete before the next surface is taken."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from harness.encoder import binding
from harness.encoder.model import AccessUnit, Bitrate, EncoderStats, Quality
from harness.encoder.native import Failures, fill_in, in_range
from harness.errors import WrongState

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from harness.encoder.binding import Binding
    from harness.encoder.converter import Picture
    from harness.encoder.model import Backend, EncoderConfig, Surface


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
        self.size = (config.width, config.height)

    def __enter__(self) -> Self:
        bound = self._binding = self._binding or binding.load()
        self._unit = bound.ffi.new("vb_access_unit *")
        self._surface = bound.ffi.new("vb_surface *")
        self._failures = Failures(bound)
        opened = bound.ffi.new("vb_encoder **")
        status = bound.c.vb_encoder_open(self._native_config(bound), opened, self._failures.said)
        self._failures.check(status, configuring=True)
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
            keep_alive = fill_in(self._surface, surface, bound)
            unit = self._coded(
                surface.width,
                surface.height,
                lambda: bound.c.vb_encoder_encode(
                    encoder, self._surface, pts, self._unit, self._failures.said
                ),
            )
            del keep_alive
            return unit

    def encode_picture(self, picture: Picture, pts: int = 0) -> AccessUnit:
        """The same of what a :class:`harness.encoder.converter.Converter` made; the picture stays what it is."""
        with self._lock:
            bound, encoder = self._opened()
            return self._coded(
                picture.width,
                picture.height,
                lambda: bound.c.vb_encoder_encode_picture(
                    encoder, picture.native, pts, self._unit, self._failures.said
                ),
            )

    def force_keyframe(self) -> None:
        """The next frame becomes a keyframe; raises WrongState."""
        with self._lock:
            bound, encoder = self._opened()
            bound.c.vb_encoder_force_keyframe(encoder)

    def set_bitrate(self, bitrate: Bitrate) -> None:
        """From the next frame on; raises InvalidConfiguration for a stream of constant quality, WrongState."""
        with self._lock:
            bound, encoder = self._opened()
            rate = in_range("a bitrate", bitrate.bit_per_s)
            status = bound.c.vb_encoder_set_bitrate(encoder, rate, self._failures.said)
            self._failures.check(status, configuring=True)

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

    def _coded(self, width: int, height: int, encode: Callable[[], int]) -> AccessUnit:
        """What ``encode`` makes, after a change of size where it is told of one."""
        bound, encoder = self._opened()
        status = encode()
        if status == bound.c.VB_ENCODER_OTHER_SIZE:
            self._failures.check(bound.c.vb_encoder_resize(encoder, width, height, self._failures.said))
            self.size = width, height
            status = encode()
        self._failures.check(status)
        return self._access_unit(bound)

    def _native_config(self, bound: Binding) -> Any:
        config = self._config
        native = bound.ffi.new("vb_encoder_config *")
        for name in ("backend", "width", "height", "gop", "colour", "profile", "threads"):
            setattr(native, name, in_range(name, getattr(config, name)))
        native.fps_num = in_range("frames per second", config.fps.numerator)
        native.fps_den = in_range("frames per second", config.fps.denominator)
        match config.rate:
            case Bitrate(bit_per_s):
                # 0 would ask the library for constant quality.
                native.bitrate = in_range("a bitrate", bit_per_s, least=1)
            case Quality(crf):
                native.crf = crf
        return native

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
