"""The process that is the parent of every owned process, and ends them all when the harness is gone.

Run as :func:`main` by an isolated Python; :mod:`harness.host.watchdog_link` starts it and
talks to it. It imports little and has one thread, which is the point:

- ``fork`` without the hazards of threads, from a process of a few MiB, so that starting a VMM costs what it
  costs a shell;
- PR_SET_PDEATHSIG follows the spawning *thread* (prctl(2)); here that thread lives as long as the watchdog;
- it survives ``kill -9`` of the harness, and as subreaper inherits every orphaned descendant, so that
  grandchildren are found and ended too. macOS has no subreapers: there the process table is searched for
  descendants and for members of owned process groups.

The harness's death is seen by a pidfd or kqueue on its pid, and by end of file on the socket. Messages are
those of :mod:`harness.host.watchdog_wire`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import selectors
import signal
import socket
import sys
import time

from harness.host import watchdog_wire
from harness.host.process_table import living_processes

TYPE_CHECKING = False  # importing typing would take a fifth of the start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

assert sys.platform != "win32"  # there harness.host.job_link does what this does

GRACE_S = 1.0
"""Between SIGTERM and SIGKILL when everything ends: a VMM flushes its disk caches on SIGTERM."""

GROUP_ENDS_S = 1.0
"""How long the end of a process waits to be told until those of its group, which were killed then, have ended too."""

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TIOCNOTTY = 0x5422
"""Not from termios, which would be one import more."""


class Watchdog:
    """The loop: spawn and signal on request, report every end, end everything with the harness."""

    def __init__(self, link: socket.socket, harness: int) -> None:
        self.link = link
        self.owned: set[int] = set()
        self.untold: dict[int, dict[str, int]] = {}
        """Of those that were reaped while others of their group still end: what is told of them when those have."""
        self.pid = os.getpid()
        _leave_terminal()
        self.prctl = _prctl()
        self.prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.selector = selectors.DefaultSelector()
        self.selector.register(link, selectors.EVENT_READ, self._request)
        wake, on_signal = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(on_signal, False)
        signal.set_wakeup_fd(on_signal, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.wake = wake
        self.selector.register(wake, selectors.EVENT_READ, self._signalled)
        self.ending = not self._watch(harness)

    def run(self) -> None:
        """Serve until the harness is gone or asks for the end, then end everything."""
        self._tell({"ready": self.pid})
        while not self.ending:
            for key, _ in self.selector.select(GROUP_ENDS_S if self.untold else None):
                key.data()
            if self.untold:
                self._tell_ended()
        self._end_everything()

    def _watch(self, harness: int) -> bool:
        """Notice the harness's own death: a fork of it may keep the socket open. False: it is dead."""
        try:
            if sys.platform == "linux":
                death = os.pidfd_open(harness)
            else:
                self.queue = select.kqueue()  # its descriptor closes with the object
                event = select.kevent(
                    harness, select.KQ_FILTER_PROC, select.KQ_EV_ADD, fflags=select.KQ_NOTE_EXIT
                )
                self.queue.control([event], 0)
                death = self.queue.fileno()
        except ProcessLookupError:
            return False
        except OSError:  # a kernel without pidfds: the socket's end of file has to do
            return os.getppid() == harness
        self.selector.register(death, selectors.EVENT_READ, self._end)
        return os.getppid() == harness

    def _end(self) -> None:
        self.ending = True

    def _request(self) -> None:
        try:
            message, fds = watchdog_wire.receive(self.link)
        except ConnectionError:
            message, fds = None, []
        if message is None:
            self.ending = True
        elif message["do"] == "spawn":
            self._tell({"id": message["id"], **self._spawn(message, fds)})
        elif message["pid"] in self.owned:  # not reaped yet, so the number is still this process's
            _signal_group(message["pid"], message["signal"])

    def _spawn(self, request: dict[str, Any], fds: list[int]) -> dict[str, int]:
        report, failure = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            for fd in (*fds, report, failure):
                os.close(fd)
            return {"errno": error.errno or errno.EAGAIN}
        if pid == 0:
            self._become(request, fds, failure)
        with contextlib.suppress(OSError):  # both sides set it, so that neither can come too early
            os.setpgid(pid, pid)
        for fd in (*fds, failure):
            os.close(fd)
        cause = os.read(report, 16)  # end of file when the child has become the program
        os.close(report)
        if cause:
            os.waitpid(pid, 0)
            return {"errno": int(cause)}
        self.owned.add(pid)
        return {"pid": pid}

    def _become(self, request: dict[str, Any], fds: list[int], failure: int) -> NoReturn:
        try:
            os.setpgid(0, 0)
            self.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self.pid:  # it died before the kernel knew what we want of its death
                os._exit(127)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them; programs do not expect it
                signal.signal(number, signal.SIG_DFL)
            targets = request["fds"]
            above = max(targets, default=2) + 1
            failure = fcntl.fcntl(failure, fcntl.F_DUPFD_CLOEXEC, above)
            moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in fds]
            for fd, target in zip(moved, targets, strict=True):
                os.dup2(fd, target)
            if request["cwd"] is not None:
                os.chdir(request["cwd"])
            os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606 - no shell
        except (OSError, ValueError) as error:  # ValueError: a NUL in a string
            os.write(failure, str(getattr(error, "errno", None) or errno.EINVAL).encode())
        finally:
            os._exit(127)

    def _signalled(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if set(os.read(self.wake, 4096)) - {signal.SIGCHLD}:
                self.ending = True
        self._reap()

    def _reap(self) -> None:
        """Report the ended ones; what is left of an ended process's group ends with it."""
        for pid, status in _ended(before_reaping=self._end_group):
            at_ns = time.monotonic_ns()
            if pid in self.owned:
                self.owned.remove(pid)
                self.untold[pid] = {"exit": pid, "status": os.waitstatus_to_exitcode(status), "at_ns": at_ns}
        self._tell_ended()  # before anything is spawned, which may get a number that is free again

    def _tell_ended(self) -> None:
        """Tell of the ended whose groups have ended: who waited for a wrapper finds nothing of it that still runs.

        Only a subreaper hears when the last of a group ends, and one whose parent does not reap it is not waited for.
        """
        now_ns = time.monotonic_ns()
        for pid, message in list(self.untold.items()):
            late = now_ns - message["at_ns"] > GROUP_ENDS_S * 1e9
            if sys.platform != "linux" or late or not _group_exists(pid):
                self._tell(self.untold.pop(pid))

    def _end_group(self, pid: int) -> None:
        if pid in self.owned:
            _signal_group(pid, signal.SIGKILL)

    def _end_everything(self) -> None:
        for pid in self.owned:
            _signal_group(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while self.owned and (left := deadline - time.monotonic()) > 0:
            select.select([self.wake], [], [], left)
            self._signalled()
        while family := self._family():
            for pid in family:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            select.select([self.wake], [], [], 0.05)
            self._signalled()

    def _family(self) -> set[int]:
        """Every living descendant, and every member of an owned process group."""
        table = living_processes()
        family = {pid for pid, (_, group) in table.items() if group in self.owned}
        while more := {p for p, (parent, _) in table.items() if parent in family | {self.pid}} - family:
            family |= more
        return family - {self.pid}

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody is left to be told
            watchdog_wire.send(self.link, message)


def _leave_terminal() -> None:
    """On Linux, where the session is that of the harness: no terminal is to stop what is started here."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # there is none
            terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            try:
                fcntl.ioctl(terminal, TIOCNOTTY)
            finally:
                os.close(terminal)


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        if number == signal.SIGTERM:  # which one that is stopped hears when it goes on
            os.killpg(group, signal.SIGCONT)


def _group_exists(group: int) -> bool:
    """Whether anybody is in it, one that has ended and was not reaped included."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's, as bubblewrap's child can be
        pass
    return True


def _ended(before_reaping: Callable[[int], None]) -> Iterator[tuple[int, int]]:
    """Reap the children that have ended: pid and status of each.

    Until a child is reaped nobody else can get its number. Only Python before 3.13 on macOS cannot look
    before it reaps; pids are handed out in turn there, so the number is still free an instant later.
    """
    with contextlib.suppress(ChildProcessError):
        if sys.platform == "linux" or sys.version_info >= (3, 13):
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                before_reaping(found.si_pid)
                yield os.waitpid(found.si_pid, 0)
        else:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                before_reaping(ended[0])
                yield ended


def _prctl() -> Callable[[int, int], int]:
    """prctl(2) with one argument; does nothing where there is none."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only where it is needed

        libc = ctypes.CDLL(None)
        return lambda option, value: int(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))
    else:  # noqa: RET505 - mypy knows platforms by branches
        return lambda _option, _value: 0


def main() -> None:
    """Entry of the process; argv: ``-c``, the import root, the socket's descriptor, the harness's pid."""
    link = socket.socket(fileno=int(sys.argv[2]))
    link.set_inheritable(False)
    try:
        Watchdog(link, int(sys.argv[3])).run()
    except BaseException:
        import traceback  # noqa: PLC0415 - only when there is a bug

        with contextlib.suppress(OSError):
            watchdog_wire.send(link, {"failed": traceback.format_exc()})
        raise
