"""QEMU's D-Bus display: a guest's scanout as memory that QEMU and we share, or as pixels in messages.

Interface: https://www.qemu.org/docs/master/interop/dbus-display.html. QEMU (since 9.2) offers a scanout as a memory
file to listeners that have the interface ``Unix.Map``: it calls ScanoutMap at every page flip and waits for the reply,
so as long as a frame is in use, nothing is drawn into it; then it calls UpdateMap for what the flip flushed. Without
that interface it sends the pixels.
"""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from jeepney import MessageType, new_error, new_method_return
from jeepney.low_level import HeaderFields

from harness.channels.stamp import Stamp
from harness.display.dbus_scanout import FORMATS, CopiedScanout, Layout, MappedScanout
from harness.display.dbus_wire import DbusWire, wants_reply
from harness.display.frame import Frame
from harness.display.hand_over import hand_over
from harness.errors import DisplayError, DisplayLost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from jeepney.low_level import Message

    from harness.channels.qmp import Qmp

PROTOCOL = "@dbus-display"
"""Of a client that is handed over."""
_LISTENER = "org.qemu.Display1.Listener"
_MAP = f"{_LISTENER}.Unix.Map"
_TIMEOUT_S = 10


class DbusDisplay:
    """Frames of one console of a QEMU that runs with ``-display dbus,p2p=yes``.

    From the moment it is open, take its frames or close it: a QEMU that waits for a reply answers nobody, not even over
    QMP. ``mapped``: ask for shared memory (``scanout-map``), else for pixels in messages (``dbus-data``), which QEMU
    sends without waiting: what it could not send before the next flip, it drops.
    """

    def __init__(self, control: DbusWire, listener: DbusWire, *, mapped: bool) -> None:
        self._control = control
        self._wire = listener
        self._mapped = mapped
        self._map = MappedScanout()
        self._copy = CopiedScanout()
        self._flipped = False
        self._sequence = 0

    @classmethod
    def open(cls, qmp: Qmp, *, mapped: bool = True, console: int = 0) -> Self:
        """Connect through QMP. Raises DisplayRefused where this QEMU has no such display, DisplayLost, ControlError."""
        return cls.over(hand_over(qmp, PROTOCOL), mapped=mapped, console=console)

    @classmethod
    def over(cls, client: socket.socket, *, mapped: bool = True, console: int = 0) -> Self:
        """The other end of ``client``, which is owned from now on, is QEMU's already; raises DisplayLost."""
        control = DbusWire(client)
        try:
            control.authenticate(_TIMEOUT_S)
            ours, theirs = socket.socketpair()
            listener = DbusWire(ours)
            with theirs:
                control.call(
                    f"/org/qemu/Display1/Console_{console}", "org.qemu.Display1.Console", "RegisterListener", "h",
                    theirs, timeout_s=_TIMEOUT_S,
                )  # fmt: skip
            listener.authenticate(_TIMEOUT_S)
        except BaseException:
            control.close()
            raise
        return cls(control, listener, mapped=mapped)

    @property
    def name(self) -> str:
        return "scanout-map" if self._mapped else "dbus-data"

    @contextmanager
    def frame(self, timeout_s: float) -> Iterator[Frame]:
        """As :meth:`harness.display.frame.FrameSource.frame`; the guest's display waits for the block to end."""
        deadline = time.monotonic() + timeout_s
        while True:
            message = self._wire.receive(deadline)
            arrived = Stamp(time.monotonic_ns())
            if message.header.message_type is not MessageType.method_call:
                continue
            try:
                frame = self._frame_of(message, arrived)
                if frame:
                    self._sequence += 1
                    yield frame
            finally:
                with suppress(DisplayLost):  # whoever asks for the next frame will learn it
                    self._reply(message)
            if frame:
                return

    def close(self) -> None:
        """Leave; QEMU goes on at once, also when it waits for a reply."""
        self._wire.close()
        self._control.close()
        self._map.close()

    def _frame_of(self, message: Message, arrived: Stamp) -> Frame | None:
        """What a call of QEMU's shows; None when it shows nothing new."""
        method, body = message.header.fields[HeaderFields.member], message.body
        flipped, self._flipped = self._flipped, False
        copied = 0
        if method == "ScanoutMap":
            descriptor, offset, width, height, stride, pixman = body
            with descriptor:
                self._map.show(descriptor.fileno(), offset, Layout(width, height, stride, _format(pixman)))
            self._flipped = True
            scanout: MappedScanout | CopiedScanout = self._map
        elif method == "UpdateMap" and not flipped:
            # What comes right after a flip is the flush that belongs to it: the same picture again. A virtio-gpu
            # transfers pixels before it flips (Linux: virtgpu_plane.c).
            scanout = self._map
        elif method == "Scanout":
            width, height, stride, pixman, data = body
            copied = self._copy.show(data, Layout(width, height, stride, _format(pixman)))
            scanout = self._copy
        elif method == "Update":
            x, y, width, height, stride, pixman, data = body
            copied = self._copy.update(data, (x, y, width, height), stride, _format(pixman))
            scanout = self._copy
        else:  # the cursor, a display that is switched off, questions about ourselves
            return None
        surface = scanout.surface
        if surface is None:
            return None
        damage = surface.whole
        if method in ("Update", "UpdateMap"):
            damage = scanout.clipped(*body[:4])
        return Frame(surface, damage, self._sequence, arrived, copied, lasting=scanout is self._map)

    def _reply(self, message: Message) -> None:
        if not wants_reply(message):
            return
        asked: tuple[Any, ...] = message.body
        if message.header.fields[HeaderFields.member] == "GetAll":
            about_us = asked[0] == _LISTENER
            interfaces = ("as", [_MAP] if self._mapped else [])
            answer = new_method_return(message, "a{sv}", ({"Interfaces": interfaces} if about_us else {},))
        elif message.header.fields.get(HeaderFields.interface, "").startswith(_LISTENER):
            answer = new_method_return(message)
        else:
            answer = new_error(message, "org.freedesktop.DBus.Error.UnknownMethod")
        self._wire.send(answer)


def _format(pixman: int) -> Any:
    try:
        return FORMATS[pixman]
    except KeyError:
        raise DisplayError(
            f"the guest's display has the pixel format {pixman:#x}, which nothing here reads",
            fix="set the guest's display to 32 bits a pixel",
        ) from None
