"""An application as it is started, found again in the table of processes, and ended with everything that it started."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import AppEnded, InvalidConfiguration, NoWindow, ToolMissing
from harness.host.paths import private_directory
from harness.host.processes import STDOUT, spawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.apps.screen import Screen
    from harness.apps.windows import Window, WindowWatch
    from harness.host.processes import OwnedProcess

MARK = "VISORBENCH_APP"
"""In the environment of everything that an application starts, also of what no longer is its child."""
_GRACE_S = 5


@dataclass(frozen=True, slots=True)
class Application:
    """A command, and what it is installed as."""

    label: str
    command: tuple[str, ...]
    bundle: Path

    @classmethod
    def of(cls, command: str, *, label: str = "", bundle: Path | None = None) -> Application:
        """The application that a command line starts; ``bundle``: the file or folder that it is shipped as.

        Raises ToolMissing for a program that is not there, InvalidConfiguration.
        """
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise InvalidConfiguration(
                f"the command {command!r} is not one: {error}", fix="quote it"
            ) from None
        program = shutil.which(words[0]) if words else None
        if program is None and words and Path(words[0]).is_file():
            raise InvalidConfiguration(
                f"{words[0]} is no program: nobody may run it", fix=f"chmod +x {shlex.quote(words[0])}"
            )
        if program is None:
            raise ToolMissing(
                f"there is no program {words[0] if words else ''!r}", fix="install it, or name its path"
            )
        if bundle is not None and not bundle.exists():
            raise InvalidConfiguration(
                f"the bundle {bundle} is not there", fix="name the file or folder that is shipped"
            )
        real = Path(program).resolve()
        return cls(label or Path(program).name, (program, *words[1:]), bundle or _bundle_of(real))

    def bundle_bytes(self) -> int:
        """What the bundle's files have in them: a file that has several names once, links not followed."""
        if not self.bundle.is_dir():
            return self.bundle.stat().st_size
        sizes: dict[tuple[int, int], int] = {}
        for folder, _, names in os.walk(self.bundle):
            for name in names:
                with suppress(OSError):
                    about = (Path(folder) / name).lstat()
                    sizes[about.st_dev, about.st_ino] = about.st_size
        return sum(sizes.values())


@dataclass(frozen=True, slots=True)
class Running:
    """An application that shows its first window."""

    application: Application
    process: OwnedProcess
    mark: str
    window: Window

    @property
    def first_window_s(self) -> float:
        """From just before it was asked for until its window was there."""
        return (self.window.shown.at_ns - self.process.spawned_ns) / 1e9

    def pids(self) -> list[int]:
        """Its processes, helpers and daemons included."""
        return [each.pid for each in _tree(self.process.pid, self.mark)]


@contextmanager
def running(
    application: Application, screen: Screen, watch: WindowWatch, *, timeout_s: float
) -> Iterator[Running]:
    """Start it and wait for its window; afterwards none of its processes is left.

    Raises AppEnded with what it complained about, NoWindow, ToolMissing.
    """
    mark = secrets.token_hex(8)
    with private_directory() as folder, (folder / "output").open("w+b") as output:
        process = spawn(
            application.command, purpose=f"application {application.label}", stdout=output, stderr=STDOUT,
            env=screen.environment(**{MARK: mark}),
        )  # fmt: skip
        try:
            window = _first_window(application, process, mark, watch, folder / "output", timeout_s=timeout_s)
            yield Running(application, process, mark, window)
        finally:
            _end(process, mark)


def _first_window(
    application: Application,
    process: OwnedProcess,
    mark: str,
    watch: WindowWatch,
    output: Path,
    *,
    timeout_s: float,
) -> Window:
    def check() -> None:
        if process.exited and not _tree(process.pid, mark):
            raise AppEnded(
                f"{application.label} ended with status {process.exited.status} before it showed a window"
                + _complaint(output), fix="one that runs already may have taken over: end that first",
                argv=application.command, status=process.exited.status,
            )  # fmt: skip

    def is_own(pid: int) -> bool:
        return pid == process.pid or pid in {each.pid for each in _tree(process.pid, mark)}

    window = watch.first(is_own, until=check, deadline=time.monotonic() + timeout_s)
    if window is None:
        raise NoWindow(
            f"{application.label} showed no window within {timeout_s:g} s{_complaint(output)}",
            fix="give it more time with --timeout, and see that it speaks X11", argv=application.command,
        )  # fmt: skip
    return window


def _complaint(output: Path) -> str:
    said = output.read_bytes()[-2000:].decode(errors="replace").strip().splitlines()
    return f": {said[-1][:200]}" if said else ""


def _bundle_of(program: Path) -> Path:
    """The innermost macOS bundle that a program is in, else the program's own file."""
    return next((each for each in program.parents if each.suffix == ".app"), program)


def _tree(pid: int, mark: str) -> list[Any]:
    """The process and its descendants, and whatever carries its mark."""
    import psutil  # noqa: PLC0415 - light commands do not need it

    found: dict[int, Any] = {}
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        found |= {each.pid: each for each in (root, *root.children(recursive=True))}
    for each in psutil.process_iter():
        if each.pid not in found:
            with suppress(psutil.Error, OSError):
                if each.environ().get(MARK) == mark:
                    found[each.pid] = each
    return [each for each in found.values() if _alive(each)]


def _alive(process: Any) -> bool:
    import psutil  # noqa: PLC0415

    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _end(process: OwnedProcess, mark: str) -> None:
    """Ask all of them, then insist, until there are none: what is being ended may start another."""
    import psutil  # noqa: PLC0415

    process.terminate()
    everyone = _tree(process.pid, mark)
    for each in everyone:
        with suppress(psutil.Error):
            each.terminate()
    deadline = time.monotonic() + _GRACE_S
    psutil.wait_procs(everyone, timeout=_GRACE_S)
    while (left := _tree(process.pid, mark)) and time.monotonic() < deadline + _GRACE_S:
        for each in left:
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(left, timeout=1)
    process.kill()
    with suppress(TimeoutError):
        process.wait(10)
