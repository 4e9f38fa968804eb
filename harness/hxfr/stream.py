"""One H.264 stream: an encoder that configures itself from its first frame, and what a client may ask of it."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.encoder.encoder import Encoder
from harness.encoder.model import Backend, Bitrate, EncoderConfig, PixelFormat, Profile, Surface
from harness.errors import EncoderError, InvalidConfiguration
from harness.hxfr.failures import RequestFailed
from harness.hxfr.messages import ErrorCode, FourCC, FrameResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.display.frame import Surface as Shown
    from harness.encoder.converter import Converter, Picture
    from harness.encoder.model import AccessUnit
    from harness.hxfr.allowance import Allowance
    from harness.hxfr.messages import ConfigRequest, FrameRequest

LARGEST_SIDE = 8192
BITRATES = range(1_000, 1_000_000_001)
FRAME_RATES = (Fraction(1, 10), Fraction(1000))


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a stream is to be: the protocol's defaults, until a CONFIG_REQ says otherwise."""

    bitrate: int = 4_000_000
    fps: Fraction = Fraction(60)
    gop: int = 60
    profile: Profile = Profile.BASELINE
    backend: Backend = Backend.X264

    def asked(self, request: ConfigRequest) -> Wanted:
        """What a client asks for; raises RequestFailed (NOT_CONFIGURED) for what no stream can be.

        Its size is that of the frames, whatever it says: a display changes its size when it likes.
        """
        rate = (
            Fraction(request.framerate_num, request.framerate_den) if request.framerate_den else Fraction(0)
        )
        slowest, fastest = FRAME_RATES
        wrong = [
            text
            for text, fits in (
                (
                    f"a size of {request.width}x{request.height}",
                    _fits(request.width) and _fits(request.height),
                ),
                (f"a bitrate of {request.bitrate}", request.bitrate in BITRATES),
                (
                    f"{request.framerate_num}/{request.framerate_den} frames a second",
                    slowest <= rate <= fastest,
                ),
                (f"the profile {request.profile}", request.profile in list(Profile)),
            )
            if not fits
        ]
        if wrong:
            raise RequestFailed(ErrorCode.NOT_CONFIGURED, f"no stream can have {wrong[0]}")
        return replace(self, bitrate=request.bitrate, fps=rate, profile=Profile(request.profile))


class Stream:
    """Encodes one frame at a time, whichever thread comes; a frame of another size begins with a keyframe.

    ``allowance``: of the memory that its encoder takes; None: as much as it needs.
    """

    def __init__(self, wanted: Wanted, allowance: Allowance | None = None) -> None:
        self._wanted = wanted
        self._allowance = allowance
        self._taken_bytes = 0
        self._encoder: Encoder | None = None
        self._keyframe = False
        self._closed = False
        self._turn = threading.Lock()

    def configure(self, wanted: Wanted) -> None:
        """From the next frame on, which is a keyframe."""
        with self._turn:
            self._wanted = wanted
            self._drop()

    def force_keyframe(self) -> None:
        """The next frame is a keyframe. Never waits for one that is being encoded."""
        self._keyframe = True

    def encode(self, surface: Surface, pts_ns: int) -> AccessUnit:
        """Raises RequestFailed (ENCODE_FAILED, NOT_CONFIGURED, INTERNAL)."""
        return self._encode(surface.width, surface.height, lambda encoder: encoder.encode(surface, pts_ns))

    def encode_picture(self, picture: Picture, pts_ns: int) -> AccessUnit:
        """The same of what was converted before."""
        return self._encode(
            picture.width, picture.height, lambda encoder: encoder.encode_picture(picture, pts_ns)
        )

    def _encode(self, width: int, height: int, encode: Callable[[Encoder], AccessUnit]) -> AccessUnit:
        with self._turn:
            if self._closed:
                raise RequestFailed(ErrorCode.INTERNAL, "the stream was closed")
            try:
                encoder = self._encoder
                if encoder is None or encoder.size != (width, height):
                    encoder = self._open(width, height)
                if self._keyframe:
                    self._keyframe = False
                    encoder.force_keyframe()
                return encode(encoder)
            except EncoderError as error:
                self._drop()
                raise RequestFailed(ErrorCode.ENCODE_FAILED, error.message) from error
            except InvalidConfiguration as error:
                self._drop()
                raise RequestFailed(ErrorCode.NOT_CONFIGURED, error.message) from error

    def close(self) -> None:
        """End it; idempotent."""
        with self._turn:
            self._closed = True
            self._drop()

    def _open(self, width: int, height: int) -> Encoder:
        self._drop()
        wanted = self._wanted
        config = EncoderConfig(
            width, height, rate=Bitrate(wanted.bitrate), fps=wanted.fps, gop=wanted.gop,
            backend=wanted.backend, profile=wanted.profile,
        )  # fmt: skip
        self._take(config)
        self._encoder = Encoder(config).__enter__()
        return self._encoder

    def _take(self, config: EncoderConfig) -> None:
        if self._allowance is None:
            return
        if not self._allowance.take(config.memory_bytes):
            raise RequestFailed(
                ErrorCode.ENCODE_FAILED,
                f"a stream of {config.width}x{config.height} takes {config.memory_bytes >> 20} MiB, "
                "for which this server has no memory now: other sessions have it",
            )
        self._taken_bytes = config.memory_bytes

    def _drop(self) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            with suppress(EncoderError):
                encoder.close()
        if self._allowance is not None:
            self._allowance.give(self._taken_bytes)
            self._taken_bytes = 0


def of_display(shown: Shown) -> Surface:
    """A display's surface as the encoder takes it: the same memory."""
    return Surface(shown.width, shown.height, shown.stride, PixelFormat(shown.format), shown.pixels)


def converted(converter: Converter, surface: Surface) -> Picture:
    """A picture of the surface; raises RequestFailed (ENCODE_FAILED)."""
    try:
        return converter.convert(surface)
    except EncoderError as error:
        raise RequestFailed(ErrorCode.ENCODE_FAILED, error.message) from error


def of_request(request: FrameRequest) -> Surface:
    """The pixels that came with a request."""
    if request.pixels is None or request.format is FourCC.UNKNOWN:
        raise RequestFailed(ErrorCode.INVALID_MESSAGE, "a frame without pixels")
    return Surface(
        request.width, request.height, request.stride, PixelFormat(request.format.value), request.pixels
    )


def response(unit: AccessUnit) -> FrameResponse:
    """An access unit as the protocol sends it; nothing is reordered, so it is decoded when it is shown."""
    return FrameResponse(unit.pts, unit.pts, unit.is_keyframe, unit.nal_units)


def _fits(side: int) -> bool:
    return 0 < side <= LARGEST_SIDE
