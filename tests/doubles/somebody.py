"""An object for a process of its own, which does what it should, fails, dies and hangs."""

from __future__ import annotations

import os
import signal
import sys
import threading

from harness.errors import FramesWrong


class Unpicklable(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


class Somebody:
    """What the other process makes."""

    def __init__(self) -> None:
        self._seen: list[str] = []

    def pid(self) -> int:
        return os.getpid()

    def add(self, one: int, *, two: int = 2) -> int:
        return one + two

    def read(self, descriptors) -> list[bytes]:
        said = [os.read(each, 9) for each in descriptors]
        for each in descriptors:
            os.close(each)
        return said

    def fail(self, how: str) -> None:
        if how == "named":
            raise FramesWrong("two are lost", fix="look at it", lost=2)
        raise Unpicklable(1, 2)

    def end(self) -> None:
        sys.stderr.write("the last words")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self) -> None:
        threading.Event().wait()
