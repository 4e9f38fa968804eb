"""The thread of ``native/stamp``, which reads what arrives and stamps it while Python is at something else.

A thread of Python's is late where others have every core: it wakes up, waits for the interpreter's lock, and has used
up its time slice before it has looked at the clock. By ctypes and not cffi: so few functions, in every process that has
a console, are not worth the memory of a parser of C.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.errors import VisorbenchError
from harness.host.once import once
from harness.host.prompt_thread import run_promptly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Stamper:
    """libvbstamp, loaded; raises OSError."""

    def __init__(self, library: Path) -> None:
        c = ctypes.CDLL(os.fspath(library), use_errno=True)
        stream, number, pointer = ctypes.c_void_p, ctypes.c_int, ctypes.POINTER
        self.add = _function(c.vb_stamp_add, stream, number, pointer(number))
        self.bell = _function(c.vb_stamp_bell, number, stream)
        self.peek = _function(
            c.vb_stamp_peek, ctypes.c_ssize_t, stream, pointer(ctypes.c_void_p), pointer(ctypes.c_int64)
        )
        self.consume = _function(c.vb_stamp_consume, None, stream, ctypes.c_size_t)
        self.settle = _function(c.vb_stamp_settle, None)
        self.remove = _function(c.vb_stamp_remove, None, stream)
        self.free = _function(c.vb_stamp_free, None, stream)


class NativeArrivals:
    """As :class:`harness.channels.arrivals.Arrivals`, of a descriptor that does not block.

    ``take_here`` reads that in Python, once the thread has left it. Raises OSError.
    """

    def __init__(self, stamper: Stamper, fd: int, take_here: Callable[[], tuple[bytes, int]]) -> None:
        started = ctypes.c_int()
        self._stream = stamper.add(fd, started)
        if self._stream is None:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._free = weakref.finalize(self, stamper.free, self._stream)
        self._free.atexit = False  # the process ends anyway
        self._stamper = stamper
        self._take_here = take_here
        self._bell: int = stamper.bell(self._stream)
        self._bytes, self._at_ns = ctypes.c_void_p(), ctypes.c_int64()
        self._left = False
        if started.value:
            with suppress(OSError):
                run_promptly(started.value)

    def fileno(self) -> int:
        """As :meth:`harness.channels.arrivals.Arrivals.fileno`."""
        return self._bell

    def take(self) -> tuple[bytes, int]:
        """As :meth:`harness.channels.arrivals.Arrivals.take`."""
        count = self._stamper.peek(self._stream, self._bytes, self._at_ns)
        if count > 0:
            data = ctypes.string_at(self._bytes.value or 0, count)
            self._stamper.consume(self._stream, count)
            return data, self._at_ns.value
        if count < 0:
            return b"", time.monotonic_ns()
        if self._left:
            return self._take_here()
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def settle(self) -> None:
        """As :meth:`harness.channels.arrivals.Arrivals.settle`."""
        if not self._left:
            self._stamper.settle()

    def leave(self) -> None:
        """As :meth:`harness.channels.arrivals.Arrivals.leave`."""
        if not self._left:
            self._left = True
            self._stamper.remove(self._stream)

    def close(self) -> None:
        """As :meth:`harness.channels.arrivals.Arrivals.close`."""
        self._left = True
        self._free()


def stamper() -> Stamper | None:
    """This host's, built when it is missing; None where there can be none: no compiler, no room, Windows."""
    found = _find()
    return found if isinstance(found, Stamper) else None


def why_none() -> str:
    """Why there is none; empty where there is one."""
    found = _find()
    return "" if isinstance(found, Stamper) else found


@once
def _find() -> Stamper | str:
    if sys.platform == "win32":
        return "Windows has none"
    from harness.guests.toolchain import host_target  # noqa: PLC0415 - only who opens a console pays for it
    from harness.guests.workloads import workload  # noqa: PLC0415

    try:
        return Stamper(workload("stamp", host_target()))
    except VisorbenchError as error:
        return error.message
    except OSError as error:
        return str(error)


def _function(function: Any, result: Any, *arguments: Any) -> Any:
    function.restype, function.argtypes = result, arguments
    return function
