"""QMP: QEMU's control channel, spoken from any thread, every call bounded, every event stamped on arrival.

The protocol is qemu.qmp's: its :class:`~qemu.qmp.message.Message` makes and reads the JSON, its models check
the greeting and the errors, and negotiation, ids and unroutable messages are treated as its ``QMPClient``
treats them (tests/channels/test_qmp_parity.py holds both against one QEMU). The transport is ours, because an
asyncio client costs what a measured path cannot pay. ``query-status`` of an idle QEMU 7.2 on a busy 2-core
machine, median in µs:

=====================================================  ==========
bare socket: ``sendall``, ``readline``, ``json.loads``  145 to 155
qemu.qmp's ``QMPClient`` in its own event loop          245 to 280
the same, called from another thread                    320 to 350
caller sends, a reader thread hands replies over        about 200
here: the caller reads its own reply                    155 to 180
=====================================================  ==========

Of that, a command's ``id`` alone would be 40 µs, spent inside QEMU. One command is in flight at a time and
QEMU answers in order, so none is sent until a reply was late; from then on every command has one, and the
late reply finds nobody. See :mod:`harness.channels.qmp_link` for how callers and the reader share the
socket.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from harness.channels.qmp_events import EVENTS_KEPT, Event, EventRing
from harness.channels.qmp_lines import LINE_LIMIT
from harness.channels.qmp_link import Link
from harness.channels.stamp import Stamp
from harness.errors import ControlLost, ControlRefused, ControlTimeout

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from qemu.qmp.message import Message
    from qemu.qmp.models import Greeting

    from harness.channels.qmp_log import QmpLog

_log = logging.getLogger(__name__)


class Qmp:
    """A QMP client over a connected socket, which it owns.

    ``name`` is how errors call the VMM, ``log`` gets every line of both directions, ``kept`` and
    ``line_limit`` bound the events remembered and the bytes of a line. Call :meth:`negotiate` first.
    """

    def __init__(
        self,
        sock: socket.socket,
        name: str = "QEMU",
        *,
        log: QmpLog | None = None,
        kept: int = EVENTS_KEPT,
        line_limit: int = LINE_LIMIT,
    ) -> None:
        from qemu.qmp.error import ProtocolError  # noqa: PLC0415 - 50 ms that `visorbench --help` must not pay
        from qemu.qmp.message import Message  # noqa: PLC0415
        from qemu.qmp.models import ErrorResponse, Greeting  # noqa: PLC0415

        self._message, self._error_response, self._greeting_model = Message, ErrorResponse, Greeting
        self._greeting: Greeting | None = None
        self._greeted: Stamp | None = None
        self._record = log
        self._events = EventRing(name, kept)
        self._listeners: list[Callable[[Event], None]] = []
        self._issued = 0
        self._unanswered = False
        self._awaiting = False
        self._awaited: object = None
        self._replies: list[Message] = []
        self._link = Link(
            sock, name, self._on_line, self._on_lost, nonsense=(ProtocolError, KeyError, TypeError),
            line_limit=line_limit,
        )  # fmt: skip

    @property
    def greeting(self) -> Greeting:
        """What QEMU said first; raises ControlLost before :meth:`negotiate` has returned."""
        if self._greeting is None:
            raise ControlLost(f"{self._link.name} has not greeted yet", fix="negotiate first")
        return self._greeting

    @property
    def greeted(self) -> Stamp | None:
        """When the greeting arrived: QEMU has set up its machine and listens."""
        return self._greeted

    @property
    def lost(self) -> ControlLost | None:
        """Why no more commands can be sent; None while they can."""
        return self._link.lost

    @property
    def events(self) -> tuple[Event, ...]:
        """The newest events, oldest first, at most ``kept``."""
        return self._events.all()

    def on_event(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` for every later event, in whichever thread reads it.

        It must return quickly and cannot send commands: that raises WrongState (and a listener that raises
        is logged).
        """
        self._listeners.append(listener)

    def negotiate(self, timeout_s: float = 5) -> Stamp:
        """Wait for the greeting and leave negotiation mode, with out-of-band commands where QEMU offers them.

        Returns when the greeting arrived. Raises ControlTimeout, ControlLost.
        """
        deadline = time.monotonic() + timeout_s
        try:
            greeted = self._await_greeting(deadline)
        except ControlTimeout:
            raise ControlTimeout(
                f"{self._link.name} sent no QMP greeting within {timeout_s:g} s",
                fix="it hangs while it sets up its machine; see its stderr", timeout_s=timeout_s,
            ) from None  # fmt: skip
        oob = "oob" in self.greeting.QMP.capabilities
        arguments = {"enable": ["oob"]} if oob else None
        self.execute("qmp_capabilities", arguments, timeout_s=max(0.001, deadline - time.monotonic()))
        return greeted

    def execute(
        self,
        command: str,
        arguments: Mapping[str, object] | None = None,
        *,
        timeout_s: float = 5,
        fds: Sequence[int] = (),
    ) -> Any:
        """Send ``command`` and return what QEMU returned; ``fds``: descriptors that QEMU gets a copy of with it.

        Raises ControlRefused (facts: command, qmp_class, desc), ControlLost, and ControlTimeout; a reply that
        comes after that is dropped.
        """
        deadline = time.monotonic() + timeout_s
        try:
            with self._link.turn(deadline):
                reply = self._exchange(command, arguments, deadline, fds)
        except ControlTimeout as error:
            raise ControlTimeout(
                f"{error.message}: {command} took more than {timeout_s:g} s",
                fix="its main loop is blocked: see its stderr, and what its disks and display wait for",
                command=command, timeout_s=timeout_s,
            ) from None  # fmt: skip
        if "return" in reply:
            return reply["return"]
        failure = self._error_response(reply).error
        raise ControlRefused(
            f"{self._link.name} refused {command}: {failure.desc}",
            command=command, qmp_class=failure.class_, desc=failure.desc,
        )  # fmt: skip

    def wait_event(
        self,
        name: str,
        timeout_s: float,
        since: Stamp | None = None,
        *,
        matching: Callable[[Event], bool] = lambda _: True,
    ) -> Event:
        """The first event ``name`` that arrived ``since`` (default: from now on) and is ``matching``.

        Raises ControlTimeout, ControlLost.
        """
        since_ns = time.monotonic_ns() if since is None else since.at_ns
        return self._events.wait(name, timeout_s, since_ns, matching)

    def close(self) -> None:
        """Close the connection; every wait and call ends with ControlLost. Idempotent."""
        self._link.close()
        if self._record:
            self._record.close()

    def _await_greeting(self, deadline: float) -> Stamp:
        with self._link.turn(deadline):
            while True:
                if self._greeted:
                    return self._greeted
                self._link.receive(deadline)

    def _exchange(
        self,
        command: str,
        arguments: Mapping[str, object] | None,
        deadline: float,
        fds: Sequence[int],
    ) -> Message:
        self._issued += 1
        request: dict[str, object] = {"execute": command}
        if arguments is not None:
            request["arguments"] = arguments
        if self._unanswered:
            request["id"] = f"vb#{self._issued}"
        data = bytes(self._message(request))
        if self._record:
            self._record.sent(data)
        self._replies.clear()
        self._awaited, self._awaiting = request.get("id"), True
        try:
            self._link.send(data, deadline, fds)
            while not self._replies:
                self._link.receive(deadline)
            return self._replies.pop()
        except ControlTimeout:
            self._unanswered = True
            raise
        finally:
            self._awaiting = False

    def _on_line(self, line: bytes, at_ns: int) -> None:
        if self._record:
            self._record.received(line, at_ns)
        message = self._message(line)
        if self._greeting is None:
            self._greeting = self._greeting_model(message)
            self._greeted = Stamp(at_ns)
        elif "event" in message:
            self._on_event(message, at_ns)
        elif self._awaiting and message.get("id") == self._awaited:
            if "return" not in message:
                self._error_response(message)  # a malformed error is nonsense, and noticed where it is read
            self._replies.append(message)
        elif "error" in message and "id" not in message and not self._unanswered:
            raise ValueError(f"an error that answers no command: {line[:200]!r}")
        else:  # "Clients should drop all the responses that have an unknown "id" field." (qmp-spec.rst)
            _log.warning("%s answered a command that nobody waits for: %s", self._link.name, line[:200])

    def _on_event(self, message: Message, at_ns: int) -> None:
        name, data = message["event"], message.get("data", {})
        if not (isinstance(name, str) and isinstance(data, dict)):
            raise TypeError(f"an event without a name or with odd data: {message!r:.200}")
        event = Event(name, data, Stamp(at_ns))
        for (
            listener
        ) in self._listeners:  # before those who wait: what a listener notes is there when they go on
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - a listener's mistake must not end the control channel
                _log.exception("a listener failed on %s", name)
        self._events.add(event)

    def _on_lost(self, error: ControlLost) -> None:
        self._events.end(error)
