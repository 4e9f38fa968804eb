"""A display's frames for many clients: one thread takes them, encodes each once, and gives them back.

A frame source is used by one thread, and some displays stand still while a frame is in use. So everything that reads
pixels of the display runs under one lock: the thread that takes frames holds it while it has one, and a client that
asks for the current picture holds it while that is encoded; until then the display cannot show the next one.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from harness.display.frame import Surface
from harness.errors import DisplayError, DisplayLost, DisplayRefused, MachineError, NoFrame
from harness.hxfr.failures import RequestFailed
from harness.hxfr.messages import ErrorCode, Failure
from harness.hxfr.stream import Stream, Wanted, of_display

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.display.frame import Frame, FrameSource
    from harness.hxfr.messages import FrameResponse

    Subscriber = Callable[[FrameResponse | Failure], None]

_log = logging.getLogger(__name__)
_WAIT_S = 1.0
"""For a frame; then it is looked whether the scanout was closed."""


class Scanout:
    """Owns ``source`` and a thread that takes its frames.

    Subscribers are given access units, and one Failure at the end when the display ends before they do.
    """

    def __init__(self, source: FrameSource, wanted: Wanted | None = None) -> None:
        self._source = source
        self._lost: str | None = None
        self._pixels = threading.Lock()
        self._current: Surface | None = None
        self._stream = Stream(wanted or Wanted())
        self._subscribers: dict[object, Subscriber] = {}
        self._newcomers = threading.Lock()
        self._seen = threading.Event()
        self._closed = False
        self.frames = 0
        self._thread = threading.Thread(target=self._take, name=f"hxfr-{source.name}", daemon=True)
        self._thread.start()

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of what is shown; None before the first frame."""
        shown = self._current
        return (shown.width, shown.height) if shown else None

    def subscribe(self, key: object, subscriber: Subscriber) -> None:
        """Call ``subscriber`` for every later frame, in the scanout's thread: it must not wait.

        It begins with a keyframe: the picture that is shown now, which the display may never change. Raises
        RequestFailed (RESOURCE_NOT_FOUND) when no frames can come any more.
        """
        with self._newcomers:
            self._subscribers = {**self._subscribers, key: subscriber}
        self._stream.force_keyframe()
        with self._pixels:
            if self._lost is not None:
                self.unsubscribe(key)
                raise RequestFailed(ErrorCode.RESOURCE_NOT_FOUND, self._lost)
            if self._current is not None:
                self._publish(self._current, 0)

    def unsubscribe(self, key: object) -> None:
        """No more frames for ``key``; fine for one that has none."""
        with self._newcomers:
            self._subscribers = {name: each for name, each in self._subscribers.items() if name != key}

    def force_keyframe(self) -> None:
        """The next frame of the subscribers' stream is a keyframe."""
        self._stream.force_keyframe()

    def encode_current(self, stream: Stream, pts_ns: int, *, timeout_s: float = 2) -> FrameResponse:
        """What is shown now, in a stream of the caller's.

        Raises RequestFailed: RESOURCE_NOT_FOUND where nothing has been shown, and what Stream.encode raises.
        """
        self._seen.wait(timeout_s)
        with self._pixels:
            if self._current is None:
                raise RequestFailed(
                    ErrorCode.RESOURCE_NOT_FOUND, self._lost or "the display shows nothing yet"
                )
            return stream.encode(of_display(self._current), pts_ns)

    def wait(self, timeout_s: float | None = None) -> str | None:
        """Wait until no more frames can come, and return why; None when that did not happen in time."""
        self._thread.join(timeout_s)
        return self._lost

    def close(self) -> None:
        """Let go of the display, and wait for the thread; idempotent."""
        self._closed = True
        self._source.close()
        self._thread.join()
        self._stream.close()

    def _take(self) -> None:
        said = "the scanout was closed"
        while not self._closed:
            try:
                with self._source.frame(_WAIT_S) as frame, self._pixels:
                    self._show(frame)
            except NoFrame:
                continue
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
        self._seen.set()  # whoever waits for a first frame waits in vain
        for subscriber in () if self._closed else self._subscribers.values():
            subscriber(Failure(ErrorCode.RESOURCE_NOT_FOUND, said))

    def _show(self, frame: Frame) -> None:
        self.frames += 1
        self._current = frame.surface if frame.lasting else _kept(frame.surface)
        self._seen.set()
        self._publish(frame.surface, frame.arrived.at_ns)

    def _publish(self, surface: Surface, pts_ns: int) -> None:
        subscribers = self._subscribers
        if not subscribers:
            return
        try:
            response = self._stream.encode(of_display(surface), pts_ns)
        except RequestFailed as error:
            _log.warning("a frame was not encoded: %s", error)
            return
        for subscriber in subscribers.values():
            subscriber(response)


def _kept(surface: Surface) -> Surface:
    """A copy: the source draws the next frame into the same memory."""
    memory = memoryview(bytes(surface.pixels))
    return Surface(memory, surface.width, surface.height, surface.stride, surface.format)
