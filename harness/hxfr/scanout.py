"""A display's frames for many clients: one thread takes and converts them, another encodes each once.

A frame source is used by one thread, and some displays stand still while a frame is in use. So everything that reads
pixels of the display runs under one lock: the thread that takes frames holds it while it converts one, and a client
that asks for the current picture holds it while that is converted; until then the display cannot show the next one. The
encoder works on converted pictures: the display never waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.display.frame import Surface
from harness.encoder.converter import Converter
from harness.errors import DisplayError, DisplayLost, DisplayRefused, MachineError, NoFrame
from harness.hxfr.backlog import Backlog
from harness.hxfr.failures import RequestFailed
from harness.hxfr.messages import ErrorCode, Failure
from harness.hxfr.stream import Stream, Wanted, converted, of_display, response

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.display.frame import Frame, FrameSource
    from harness.encoder.converter import Picture
    from harness.encoder.model import AccessUnit
    from harness.hxfr.messages import FrameResponse

    Deliver = Callable[[FrameResponse | Failure], None]

_log = logging.getLogger(__name__)
_WAIT_S = 1.0
"""For a frame; then it is looked whether the scanout was closed."""
BACKLOG = 4
"""Converted pictures that wait for the encoder, at most: a keyframe may take as long as three other frames."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One frame's way, for whoever measures it. Times are of time.monotonic_ns()."""

    sequence: int | None
    """As the source counted it; None: the current picture once more, for a subscriber who came."""
    arrived_ns: int
    converted_ns: int
    """From then on the display could go on."""
    encoded_ns: int
    copied_bytes: int
    """Of pixels, by the source and by the encoder, other than by colour conversion."""
    unit: AccessUnit


@dataclass(frozen=True, slots=True)
class _Waiting:
    picture: Picture
    sequence: int | None
    arrived_ns: int
    converted_ns: int
    copied_bytes: int


class _Subscriber:
    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver
        self.begun = False
        """Whether it has had a keyframe."""


class Scanout:
    """Owns ``source``, and the threads that take its frames and encode them.

    Subscribers are given access units, and one Failure at the end when the display ends before they do. Where the
    encoder is slower than the display, frames are left out, ``dropped`` of them so far; with ``lossless`` the display
    waits instead. ``told`` hears of every frame that was encoded, in the encoder's thread. ``resource`` says, while a
    frame is in use, which virtio-gpu resource it is; None where that is not known.
    """

    def __init__(
        self,
        source: FrameSource,
        wanted: Wanted | None = None,
        *,
        lossless: bool = False,
        told: Callable[[Encoded], None] | None = None,
        resource: Callable[[], int | None] = lambda: None,
    ) -> None:
        wanted = wanted or Wanted()
        self._source = source
        self._lost: str | None = None
        self._pixels = threading.Lock()
        self._current: Surface | None = None
        self._resource: int | None = None
        self._resource_now = resource
        self._converter = Converter(wanted.backend).__enter__()
        self._stream = Stream(wanted)
        self._told = told
        self._backlog: Backlog[_Waiting] = Backlog(BACKLOG, lossless=lossless)
        self._subscribers: dict[object, _Subscriber] = {}
        self._newcomers = threading.Lock()
        self._seen = False
        self._awaiting: set[Callable[[], None]] = set()
        self._closed = False
        self.frames = 0
        self.dropped = 0
        self._taking = threading.Thread(target=self._take, name=f"hxfr-{source.name}", daemon=True)
        self._encoding = threading.Thread(target=self._encode, name="hxfr-subscribers", daemon=True)
        self._taking.start()
        self._encoding.start()

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of what is shown; None before the first frame."""
        shown = self._current
        return (shown.width, shown.height) if shown else None

    def subscribe(self, key: object, deliver: Deliver) -> None:
        """Call ``deliver`` for every later frame, in the encoder's thread: it must not wait.

        It begins with a keyframe: the picture that is shown now, which the display may never change. Raises
        RequestFailed: RESOURCE_NOT_FOUND when no frames can come any more, ENCODE_FAILED.
        """
        with self._newcomers:
            self._subscribers = {**self._subscribers, key: _Subscriber(deliver)}
        self._stream.force_keyframe()
        with self._pixels:
            if self._lost is not None:
                self.unsubscribe(key)
                raise RequestFailed(ErrorCode.RESOURCE_NOT_FOUND, self._lost)
            if self._current is not None:
                self._convert(self._current, None, time.monotonic_ns(), 0)

    def unsubscribe(self, key: object) -> None:
        """No more frames for ``key``; fine for one that has none."""
        with self._newcomers:
            self._subscribers = {name: each for name, each in self._subscribers.items() if name != key}

    def force_keyframe(self) -> None:
        """The next frame of the subscribers' stream is a keyframe."""
        self._stream.force_keyframe()

    def on_seen(self, told: Callable[[], None]) -> None:
        """Call ``told``, in any thread, when something is shown or nothing ever will be; at once where that is so."""
        with self._newcomers:
            if not self._seen:
                self._awaiting.add(told)
                return
        told()

    def off_seen(self, told: Callable[[], None]) -> None:
        """Call it no more; fine for one that was called."""
        with self._newcomers:
            self._awaiting.discard(told)

    def encode_current(self, stream: Stream, pts_ns: int, *, resource: int = 0) -> FrameResponse:
        """What is shown now, in a stream of the caller's; the display waits for the conversion alone.

        ``resource``: this one, if it is shown; 0: whichever is. Raises RequestFailed: RESOURCE_NOT_FOUND where nothing
        or another resource is shown, and what Stream.encode raises.
        """
        with self._pixels:
            if self._current is None:
                raise RequestFailed(
                    ErrorCode.RESOURCE_NOT_FOUND, self._lost or "the display shows nothing yet"
                )
            if resource and not resource == self._resource == self._resource_now():
                raise RequestFailed(ErrorCode.RESOURCE_NOT_FOUND, _not_shown(resource, self._resource))
            picture = converted(self._converter, of_display(self._current))
            unit = stream.encode_picture(picture, pts_ns) if picture.borrows else None
        try:
            return response(unit or stream.encode_picture(picture, pts_ns))
        finally:
            self._converter.give_back(picture)

    def wait(self, timeout_s: float | None = None) -> str | None:
        """Wait until no more frames can come, and return why; None when that did not happen in time."""
        self._encoding.join(timeout_s)
        return self._lost

    def close(self) -> None:
        """Let go of the display, and wait for the threads; idempotent."""
        self._closed = True
        self._backlog.end()
        self._source.close()
        self._taking.join()
        self._encoding.join()
        self._stream.close()
        with self._pixels:  # nobody converts any more
            self._converter.close()

    def _take(self) -> None:
        said = "the scanout was closed"
        while not self._closed:
            try:
                with self._source.frame(_WAIT_S) as frame, self._pixels:
                    self._show(frame)
            except NoFrame:
                continue
            except RequestFailed as error:
                _log.warning("a frame was not converted: %s", error)
            except (DisplayLost, DisplayRefused) as error:
                said = error.message
                break
            except DisplayError as error:
                _log.warning("a frame was left out: %s", error)
            except MachineError as error:
                said = error.message
                break
        with self._pixels:
            self._current, self._lost = None, said
        self._tell_seen()  # whoever waits for a first frame waits in vain
        self._backlog.end()

    def _tell_seen(self) -> None:
        with self._newcomers:
            self._seen, told, self._awaiting = True, self._awaiting, set()
        for each in told:
            each()

    def _show(self, frame: Frame) -> None:
        self.frames += 1
        self._current = frame.surface if frame.lasting else _kept(frame.surface)
        self._resource = self._resource_now()
        self._tell_seen()
        if self._subscribers:
            self._convert(frame.surface, frame.sequence, frame.arrived.at_ns, frame.bytes_copied)

    def _convert(self, surface: Surface, sequence: int | None, arrived_ns: int, copied_bytes: int) -> None:
        picture = converted(self._converter, of_display(surface))
        now = time.monotonic_ns()
        waiting = _Waiting(picture, sequence, arrived_ns, now, copied_bytes + picture.copied_bytes)
        if picture.borrows:  # the encoder reads the display itself
            self._publish(waiting)
        elif (left_out := self._backlog.put(waiting)) is not None:
            self.dropped += 1
            self._converter.give_back(left_out.picture)

    def _encode(self) -> None:
        while (waiting := self._backlog.get()) is not None:
            self._publish(waiting)
        said = self._lost or "the scanout was closed"
        for subscriber in () if self._closed else self._subscribers.values():
            subscriber.deliver(Failure(ErrorCode.RESOURCE_NOT_FOUND, said))

    def _publish(self, waiting: _Waiting) -> None:
        try:
            unit = self._stream.encode_picture(waiting.picture, waiting.arrived_ns)
        except RequestFailed as error:
            _log.warning("a frame was not encoded: %s", error)
            return
        finally:
            self._converter.give_back(waiting.picture)
        encoded_ns = time.monotonic_ns()
        answer = response(unit)
        for subscriber in self._subscribers.values():
            if subscriber.begun or unit.is_keyframe:
                subscriber.begun = True
                subscriber.deliver(answer)
            else:  # it came while this frame was encoded
                self._stream.force_keyframe()
        if self._told:
            self._told(
                Encoded(
                    waiting.sequence, waiting.arrived_ns, waiting.converted_ns, encoded_ns,
                    waiting.copied_bytes, unit,
                )
            )  # fmt: skip


def _not_shown(asked: int, shown: int | None) -> str:
    """At most 255 bytes, which is what an ERROR holds."""
    which = "the host does not know which one is" if shown is None else f"{shown} is"
    return (
        f"the resource {asked} is not shown: {which}. 0 asks for what is shown. A GEM handle is no resource id: "
        "DRM_IOCTL_VIRTGPU_RESOURCE_INFO tells it, or `frames serve --any-resource` takes either"
    )


def _kept(surface: Surface) -> Surface:
    """A copy: the source draws the next frame into the same memory."""
    memory = memoryview(bytes(surface.pixels))
    return Surface(memory, surface.width, surface.height, surface.stride, surface.format)
