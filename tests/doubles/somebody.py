"""An object for a process of its own, which does what it should, fails, dies and hangs."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from harness.errors import FramesWrong
from harness.host.processes import spawn

if TYPE_CHECKING:
    from pathlib import Path


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
        if how == "unforeseen":
            print(1 / 0)
        raise Unpicklable(1, 2)

    def end(self) -> None:
        sys.stderr.write("the last words")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def count(self, tell, last: int) -> str:
        for number in range(last):
            tell("at", number)
        return "done"

    def linger(self, tell, folder: Path) -> None:
        try:
            tell("in it")
            threading.Event().wait()
        finally:
            (folder / "unwound").touch()

    def hang(self) -> None:
        threading.Event().wait()


def work(total: int, *, progress, what: str = "work") -> tuple[int, str]:
    """For an errand."""
    if not total:
        raise FramesWrong("there is no work", fix="wait")
    for done in range(total):
        progress(what, done, total)
    return os.getpid(), what


def work_raises() -> None:
    """For an errand."""
    raise FramesWrong("there is no work", fix="wait")


def asked_and_answered(folder: Path) -> int:
    """For an errand: ends when somebody asks."""
    while not (folder / "asked").exists():
        time.sleep(0.01)
    return os.getpid()


def goes_on_for_ever(folder: Path) -> None:
    """For an errand: it waits for a process of its own, as who compiles does, and clears up."""
    process = spawn([sys.executable, "-c", "import time; time.sleep(999)"], purpose="work")
    try:
        draft = folder / "draft"
        draft.write_text(f"{os.getpid()} {process.pid}")
        draft.rename(folder / "pids")
        process.wait()
    finally:
        process.kill()
        (folder / "cleared up").touch()
