"""When an application shows its first window: the X server's MapNotify of a viewable top-level window of its own.

X11 protocol, chapter 10: MapNotify goes to who selected SubstructureNotify on the root. Where a window manager runs,
the root's child is its frame, and the application's window is in that. Whose window it is, the X-Resource extension
tells.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.channels.stamp import Stamp
from harness.errors import WindowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.apps.screen import Screen

SMALLEST = 32
"""Toolkits map windows of a pixel for themselves; who looks at a desktop does not see those."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window that can be seen."""

    shown: Stamp
    width: int
    height: int
    title: str


class WindowWatch:
    """What is mapped on a display, from now on."""

    def __init__(self, screen: Screen) -> None:
        from Xlib import X, error  # noqa: PLC0415 - only who looks at windows
        from Xlib.display import Display  # noqa: PLC0415

        self._x, self._bad = X, error.XError
        try:
            with _authority(screen):
                self._display = Display(screen.display)
        except (error.DisplayError, OSError) as refused:
            raise WindowError(
                f"cannot look at {screen.what}: {refused}", fix="see $DISPLAY and $XAUTHORITY"
            ) from None
        if not self._display.has_extension("X-Resource"):
            self._display.close()
            raise WindowError(
                f"{screen.what} does not tell whose a window is (no X-Resource)", fix="use Xvfb"
            )
        root = self._display.screen().root
        root.change_attributes(event_mask=X.SubstructureNotifyMask)
        self._display.sync()

    def first(
        self, is_own: Callable[[int], bool], *, until: Callable[[], None], deadline: float
    ) -> Window | None:
        """The first window of a process that ``is_own``; None at the deadline. ``until`` raises what ends the wait."""
        while (left_s := deadline - time.monotonic()) > 0:
            if not self._display.pending_events():
                until()
                select.select([self._display.fileno()], [], [], min(left_s, 0.2))
                stamp = Stamp(time.monotonic_ns())
                if not self._display.pending_events():
                    continue
            else:
                stamp = Stamp(time.monotonic_ns())
            event = self._display.next_event()
            if event.type == self._x.MapNotify and not event.override:
                found = self._seen(event.window, is_own, stamp)
                if found:
                    return found
        return None

    def close(self) -> None:
        """Close the connection."""
        self._display.close()

    def _seen(self, window: Any, is_own: Callable[[int], bool], shown: Stamp) -> Window | None:
        try:
            attributes, size = window.get_attributes(), window.get_geometry()
            seen = attributes.map_state == self._x.IsViewable and attributes.win_class == self._x.InputOutput
            if not seen or min(size.width, size.height) < SMALLEST:
                return None
            own = next((each for each in self._inside(window, depth=2) if is_own(self._pid(each))), None)
            return (
                None if own is None else Window(shown, size.width, size.height, str(own.get_wm_name() or ""))
            )
        except self._bad:  # it is gone again
            return None

    def _inside(self, window: Any, *, depth: int) -> Iterator[Any]:
        """The window, and what a window manager has put into it."""
        yield window
        if depth:
            for child in window.query_tree().children:
                yield from self._inside(child, depth=depth - 1)

    def _pid(self, window: Any) -> int:
        """Of the client that made it; 0 where that is not on this host."""
        from Xlib.ext import res  # noqa: PLC0415

        spec = {"client": window.id, "mask": res.LocalClientPIDMask}
        ids = self._display.res_query_client_ids([spec]).ids
        return int(ids[0].value[0]) if ids and ids[0].value else 0


@contextmanager
def watching(screen: Screen) -> Iterator[WindowWatch]:
    """Look at a display's windows; raises WindowError."""
    watch = WindowWatch(screen)
    try:
        yield watch
    finally:
        watch.close()


@contextmanager
def _authority(screen: Screen) -> Iterator[None]:
    """The key to the display where the library looks for it; it takes no other word for that."""
    before = os.environ.get("XAUTHORITY")
    os.environ.update(screen.own)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("XAUTHORITY", None)
        else:
            os.environ["XAUTHORITY"] = before
