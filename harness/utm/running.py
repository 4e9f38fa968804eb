"""The QEMU that runs a machine of UTM's, known by ``-uuid``, and what its command line really says."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SECRET = re.compile(r"\b(data|password)=[^,]*")


@dataclass(frozen=True, slots=True)
class Option:
    """An option of QEMU's, with its value: ``-m 512``; '' when it has none."""

    name: str
    value: str = ""

    def __str__(self) -> str:
        shown = _SECRET.sub(r"\1=…", self.value)
        return f"{self.name} {shown}".rstrip()


@dataclass(frozen=True, slots=True)
class Running:
    """A QEMU process: UTM's launcher with the library that it loaded, or any QEMU."""

    pid: int
    argv: tuple[str, ...]
    folder: Path
    """Its working directory: relative socket names are in it."""

    @property
    def options(self) -> tuple[Option, ...]:
        """What it was told, in order."""
        return options(self.argv)

    def values(self, name: str) -> list[str]:
        """Every value of an option, in order."""
        return [option.value for option in self.options if option.name == name]


def options(words: Sequence[str]) -> tuple[Option, ...]:
    """Options and their values; words before the first option (the program, UTM's library) are none."""
    found: list[Option] = []
    for word in words:
        if len(word) > 1 and word.startswith("-"):
            found.append(Option("-" + word.lstrip("-")))
        elif found and not found[-1].value:
            found[-1] = Option(found[-1].name, word)
    return tuple(found)


def running(uuid: str) -> Running | None:
    """The QEMU of the machine ``uuid``; None when there is none, or it is another user's."""
    return next((one for one in all_running() if uuid.upper() in map(str.upper, one.values("-uuid"))), None)


def all_running() -> Iterable[Running]:
    """Every process of this user with a ``-uuid`` of QEMU's."""
    import psutil  # noqa: PLC0415 - not for --help

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it ended meanwhile, or is somebody else's
            argv = tuple(process.cmdline())
            if "-uuid" in argv and process.status() != psutil.STATUS_ZOMBIE:
                yield Running(process.pid, argv, _folder(process.pid))


def app_runs(app: Path) -> bool:
    """Whether the application itself runs; asking it anything would start it."""
    import psutil  # noqa: PLC0415 - as above

    program = str(app / "Contents" / "MacOS" / "UTM")
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if program in process.cmdline():
                return True
    return False


def _folder(pid: int) -> Path:
    import psutil  # noqa: PLC0415 - as above

    try:
        return Path(psutil.Process(pid).cwd())
    except (psutil.Error, OSError):
        return Path("/")
