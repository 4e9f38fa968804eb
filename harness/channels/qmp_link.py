"""One socket, read by whoever waits for a reply, else by a thread that stamps events.

Handing each reply from a reader thread to its caller costs two wake-ups more than a bare client pays, a
third of a QMP round trip. So the caller reads its own reply: it takes the turn, mutes the reader's
doorbell, sends, and reads until the reply is there. Between calls the reader sleeps on the doorbell, so
that what arrives unasked is stamped on arrival as well. Whoever reads holds the turn; the turn alone makes
it right, the muting makes it fast.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from harness.channels.doorbell import doorbell
from harness.channels.qmp_lines import LINE_LIMIT, LineTooLongError, QmpLines
from harness.errors import ControlLost, ControlTimeout, WrongState
from harness.host.prompt_thread import run_promptly
from harness.host.unix_sockets import send_fds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_CHUNK = 65536


class Link:
    """A line-based connection.

    ``on_line(line, at_ns)`` gets every line in order, in whichever thread read it; raising ValueError
    there, or any exception of ``nonsense``, ends the link. ``on_lost(error)`` is called once, when the link
    has ended.
    """

    def __init__(
        self,
        sock: socket.socket,
        name: str,
        on_line: Callable[[bytes, int], None],
        on_lost: Callable[[ControlLost], None],
        *,
        nonsense: tuple[type[Exception], ...] = (),
        line_limit: int = LINE_LIMIT,
    ) -> None:
        self.name = name
        self.lost: ControlLost | None = None
        self._sock = sock
        self._on_line = on_line
        self._on_lost = on_lost
        self._nonsense: tuple[type[Exception], ...] = (ValueError, RecursionError, *nonsense)
        self._lines = QmpLines(line_limit)
        self._bell = doorbell(sock)
        self._turn = threading.Lock()
        self._gate = threading.Lock()
        self._holder: int | None = None
        self._reader = threading.Thread(target=self._read, name=f"qmp-{name}", daemon=True)
        self._reader.start()

    @contextmanager
    def turn(self, deadline: float) -> Iterator[None]:
        """Hold the socket; until a ``deadline`` of time.monotonic().

        Raises ControlTimeout, ControlLost, WrongState.
        """
        me = threading.get_ident()
        if self._holder == me:
            raise WrongState(
                f"a listener of {self.name} sent a command from inside an event",
                fix="send it from another thread: the listener runs where the socket is being read",
                state="reading", required="idle",
            )  # fmt: skip
        if not self._take(deadline):
            raise ControlTimeout(f"{self.name} is still busy with another thread's command")
        try:
            self._holder = me
            self.check()
            self._bell.mute()
            try:
                yield
            finally:
                self._bell.unmute()
        finally:
            self._holder = None
            self._turn.release()

    def check(self) -> None:
        """Raise ControlLost when the link has ended."""
        if self.lost is not None:
            raise ControlLost(self.lost.message, fix=self.lost.fix, **self.lost.facts)

    def send(self, data: bytes, deadline: float, fds: Sequence[int] = ()) -> None:
        """Send all of ``data``, in a turn; ``fds``: descriptors that go with its first byte.

        Raises ControlTimeout (and loses the link: half a line went out).
        """
        try:
            self._sock.settimeout(max(0.001, deadline - time.monotonic()))
            sent = send_fds(self._sock, data, fds) if fds else 0
            self._sock.sendall(data[sent:])
        except TimeoutError:
            self._lose(f"{self.name} stopped reading in the middle of a command")
            raise ControlTimeout(f"{self.name} does not read its commands") from None
        except OSError as error:
            self._lose(f"{self.name} closed its control channel ({error.strerror})")
            self.check()
        except BaseException:
            self._lose(f"a command to {self.name} was interrupted")
            raise

    def receive(self, deadline: float) -> None:
        """Wait for something to read, in a turn, and pass its lines on.

        Raises ControlTimeout, ControlLost.
        """
        try:
            self._sock.settimeout(_left(deadline))
            chunk = self._sock.recv(_CHUNK)
        except (TimeoutError, BlockingIOError):
            raise ControlTimeout(f"{self.name} did not answer") from None
        except OSError as error:
            self._lose(f"{self.name} closed its control channel ({error.strerror})")
        except BaseException:
            self._lose(f"reading from {self.name} was interrupted")
            raise
        else:
            self._accept(chunk, time.monotonic_ns())
        self.check()

    def close(self) -> None:
        """End the link and its reader; later calls raise ControlLost. Any thread, any number of times."""
        with suppress(OSError):  # closed already, by the peer or by us
            self._sock.shutdown(socket.SHUT_RDWR)
        if threading.get_ident() in (self._holder, self._reader.ident):
            return  # from inside a listener: the next close, from outside, does the rest
        self._reader.join()
        with self._turn:
            self._lose(f"the control channel of {self.name} was closed")
            self._bell.close()
            self._sock.close()

    def _accept(self, chunk: bytes, at_ns: int) -> None:
        if not chunk:
            torn = f" in the middle of a line, after {self._lines.held} bytes" if self._lines.held else ""
            self._lose(f"{self.name} closed its control channel{torn}")
            return
        try:
            for line in self._lines.feed(chunk):
                self._on_line(line, at_ns)
        except LineTooLongError as error:
            self._lose(f"{self.name} sent {error} on its control channel")
        except self._nonsense as error:
            self._lose(f"{self.name} talks nonsense on its control channel: {str(error).splitlines()[0]}")

    def _read(self) -> None:
        run_promptly()
        while self.lost is None:
            self._bell.wait()
            with self._gate:
                pass  # a caller that waits for its turn holds the gate: in a flood of events it goes first
            with self._turn:
                self._holder = threading.get_ident()
                if self.lost is None:
                    self._sip()
                self._holder = None

    def _take(self, deadline: float) -> bool:
        if not self._gate.acquire(timeout=_left(deadline)):
            return False
        try:
            return self._turn.acquire(timeout=_left(deadline))
        finally:
            self._gate.release()

    def _sip(self) -> None:
        try:
            self._sock.settimeout(0)
            chunk = self._sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"{self.name} closed its control channel ({error.strerror})")
            return
        self._accept(chunk, time.monotonic_ns())

    def _lose(self, message: str) -> None:
        if self.lost is None:
            self.lost = ControlLost(message, fix="see its log for why it ended or what it said")
            self._on_lost(self.lost)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
