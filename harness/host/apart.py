"""An object that lives in a process of its own: what it needs of memory and processor time is not the harness's.

The process is owned: it ends with the harness, whichever way that ends. Both talk over a socket, of which nobody else
has an end; what crosses it is pickled, errors included, and descriptors can go along.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
import threading
import traceback
from contextlib import ExitStack, suppress
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from harness.errors import HelperLost, HostLacks, VisorbenchError
from harness.host.paths import private_directory
from harness.host.processes import install_endings, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.host.processes import OwnedProcess

_T = TypeVar("_T")
_P = ParamSpec("_P")
_R = TypeVar("_R")
LIMIT_S = 300.0
"""For one call."""
_END_S = 5.0
_TOLD, _RETURNED, _RAISED = "told", "returned", "raised"
"""What the process says of a call."""


class Apart(Generic[_T]):
    """``made()`` in another process, from the beginning of ``with`` to its end; any thread may call its methods.

    Entering raises HostLacks on Windows, and what :func:`harness.host.processes.spawn` raises.
    """

    def __init__(self, made: type[_T], purpose: str, *, limit_s: float | None = LIMIT_S) -> None:
        """``limit_s``: between a call and its answer, or what is heard before that; None: as long as it takes."""
        self._class = made
        self._purpose = purpose
        self._limit_s = limit_s
        self._calling = threading.Lock()
        self._log: Path
        self._socket: socket.socket
        self._process: OwnedProcess
        self._connection: Connection
        self._undo: ExitStack

    def __enter__(self) -> Self:
        if sys.platform == "win32":
            raise HostLacks(f"{self._purpose}: descriptors cannot be handed to another process on Windows")
        with ExitStack() as undo:
            self._log = undo.enter_context(private_directory()) / "stderr.log"
            ours, theirs = socket.socketpair()
            self._socket = undo.enter_context(ours)
            with theirs, self._log.open("wb") as log:
                argv = [sys.executable, "-P", "-m", __name__, str(theirs.fileno()), _name(self._class)]
                self._process = spawn(argv, purpose=self._purpose, pass_fds=[theirs.fileno()], stderr=log)
            undo.callback(self._end)
            self._connection = undo.enter_context(Connection(os.dup(ours.fileno())))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def call(self, method: Callable[Concatenate[_T, _P], _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """The method's result. Raises what it raises, and HelperLost: the process has ended, or does not answer.

        Who is interrupted while waiting for its answer ends the process.
        """
        result: _R = self._answer((method.__name__, args, kwargs), ())
        return result

    def hear(self, heard: Callable[..., None], method: Callable[Concatenate[_T, _P], _R], *args: Any) -> _R:
        """The same for a method whose first argument is a function: what it is called with, ``heard`` is called with
        here."""
        result: _R = self._answer((method.__name__, args, {}), (), heard)
        return result

    def hand(self, method: Callable[[_T, Sequence[int]], _R], *descriptors: int) -> _R:
        """The same with duplicates of descriptors, which are the method's from then on."""
        result: _R = self._answer((method.__name__, (), {}), descriptors)
        return result

    def _answer(
        self,
        request: tuple[str, object, object],
        descriptors: Sequence[int],
        heard: Callable[..., None] | None = None,
    ) -> Any:
        asked = pickle.dumps((*request, len(descriptors), heard is not None))
        with self._calling:
            try:
                self._ask(asked, descriptors)
                while (answer := self._next_word())[0] == _TOLD:
                    if heard:
                        heard(*answer[1])
            except BaseException:  # Ctrl-C included: a later call would read this one's answer
                self._hang_up()
                with suppress(TimeoutError):
                    self._process.end(_END_S)
                raise
        word, result = answer
        if word == _RAISED:
            raise result
        return result

    def _ask(self, asked: bytes, descriptors: Sequence[int]) -> None:
        try:
            self._connection.send_bytes(asked)
            if descriptors and sys.platform != "win32":
                socket.send_fds(self._socket, [b"\0"], descriptors)
        except ConnectionError:
            raise self._ended() from None

    def _next_word(self) -> tuple[str, Any]:
        try:
            if not self._connection.poll(self._limit_s):
                raise HelperLost(
                    f"{self._purpose}: no answer within {self._limit_s:g} s", fix="measure again"
                )
            word: tuple[str, Any] = self._connection.recv()
        except (EOFError, ConnectionError):
            raise self._ended() from None
        return word

    def _ended(self) -> HelperLost:
        with suppress(TimeoutError):
            self._process.wait(_END_S)
        said = self._log.read_text(errors="replace").strip()
        last = said.splitlines()[-1:] or ["it said nothing"]
        return HelperLost(
            f"{self._purpose}: its process ended with status {self._process.poll()}: {last[0]}",
            fix="measure again; report it where that does not help", stderr=said[-4000:],
        )  # fmt: skip

    def end(self) -> None:
        """From any thread: end the process, which clears up; who waits for its answer has HelperLost."""
        with suppress(TimeoutError):
            self._process.end(_END_S)

    def _end(self) -> None:
        self._hang_up()
        try:
            self._process.wait(_END_S)
        except TimeoutError:
            self._process.end()

    def _hang_up(self) -> None:
        """Who serves a socket that was shut down ends."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _name(made: type) -> str:
    return f"{made.__module__}:{made.__qualname__}"


def _serve(descriptor: int, name: str) -> None:
    """In the process: until the other end is closed."""
    if sys.platform == "win32":
        return
    module, _, kind = name.partition(":")
    made = getattr(import_module(module), kind)()
    with socket.socket(fileno=descriptor) as ours, Connection(os.dup(descriptor)) as connection:
        while True:
            try:
                method, args, kwargs, count, heard = connection.recv()
            except (EOFError, ConnectionError):
                return
            first: list[Any] = [socket.recv_fds(ours, 1, count)[1]] if count else []
            if heard:
                first.append(partial(_tell, connection))
            try:
                answer = _RETURNED, getattr(made, method)(*first, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
                answer = _RAISED, _told(error)
            with suppress(ConnectionError):
                connection.send(answer)


def _tell(connection: Connection, *words: object) -> None:
    with suppress(ConnectionError):  # who does not listen any more ends this process: work is not to mind
        connection.send((_TOLD, words))


def _told(error: Exception) -> Exception:
    where = "".join(traceback.format_exception(error))
    told = error
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - what was pickled here
    except Exception:  # noqa: BLE001 - an error of a library, made in a way of its own
        told = VisorbenchError(f"{type(error).__name__}: {error}", fix="report it")
    if not isinstance(error, VisorbenchError):  # nobody foresaw it: where it came from is all there is
        told.add_note(where)
    return told


if __name__ == "__main__":
    install_endings()
    _serve(int(sys.argv[1]), sys.argv[2])
    os._exit(0)  # the interpreter's own end takes a quarter of a second, which is waited for
