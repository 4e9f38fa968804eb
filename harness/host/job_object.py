"""Windows: a process that is born in a job object of its own, and ends with the last handle of that job.

``subprocess`` could put a process into a job only after it was made, and a harness that is killed between the two would
leave it behind. CreateProcess takes the job as an attribute (PROC_THREAD_ATTRIBUTE_JOB_LIST, Windows 10), and no moment
is left. Sources: "Job Objects", "UpdateProcThreadAttribute" and "CreateProcessW" in Microsoft's Win32 reference.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from ctypes import wintypes as win
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

assert sys.platform == "win32"

KILL_ON_JOB_CLOSE = 0x2000
DIE_ON_UNHANDLED_EXCEPTION = 0x0400
"""A crash is an end, never a window that asks what to do."""
EXTENDED_LIMIT_INFORMATION = 9
CREATE_NEW_PROCESS_GROUP = 0x0200
"""Ctrl-C on the harness's console is the harness's alone, and Ctrl-Break can be sent to the child alone."""
CREATE_UNICODE_ENVIRONMENT = 0x0400
EXTENDED_STARTUPINFO_PRESENT = 0x0008_0000
ATTRIBUTE_HANDLE_LIST = 0x0002_0002
ATTRIBUTE_JOB_LIST = 0x0002_000D
STARTF_USESTDHANDLES = 0x0100
INFINITE = 0xFFFF_FFFF


class JobProcess:
    """A running program and the job that holds it and everything that it starts.

    ``streams``: the descriptors that become its standard streams; it inherits nothing else. Raises OSError (ValueError
    for what no command line can hold).
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: str, streams: tuple[int, int, int]
    ) -> None:
        self._job = _new_job()
        try:
            self.pid, self._process = _create(self._job, argv, env, cwd, streams)
        except BaseException:
            _kernel32().CloseHandle(self._job)
            raise

    def wait(self) -> int:
        """Its exit code, once it has one."""
        code = win.DWORD()
        _kernel32().WaitForSingleObject(self._process, INFINITE)
        _kernel32().GetExitCodeProcess(self._process, ctypes.byref(code))
        return code.value

    def press_ctrl_break(self) -> bool:
        """Ask it and its process group to end, as QEMU then does in order; False when it does not share our console.

        ``os.kill`` does not do: when this fails, it goes on to terminate the process (seen in CPython 3.11).
        """
        try:
            _kernel32().GenerateConsoleCtrlEvent(signal.CTRL_BREAK_EVENT, self.pid)
        except OSError:
            return False
        return True

    def terminate(self, code: int) -> None:
        """End it and everything that it has started, with this exit code."""
        _kernel32().TerminateJobObject(self._job, code)

    def close(self) -> None:
        """End what is left in the job; the pid may be another process's from now on."""
        _kernel32().CloseHandle(self._job)
        _kernel32().CloseHandle(self._process)


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", win.LARGE_INTEGER), ("PerJobUserTimeLimit", win.LARGE_INTEGER),
        ("LimitFlags", win.DWORD), ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t), ("ActiveProcessLimit", win.DWORD),
        ("Affinity", ctypes.c_size_t), ("PriorityClass", win.DWORD), ("SchedulingClass", win.DWORD),
    )  # fmt: skip


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("BasicLimitInformation", _BasicLimits), ("IoInfo", ctypes.c_ulonglong * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t), ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t), ("PeakJobMemoryUsed", ctypes.c_size_t),
    )  # fmt: skip


class _StartupInfo(ctypes.Structure):
    """STARTUPINFOEXW: its last field is what makes it that."""

    _fields_ = (
        ("cb", win.DWORD), ("lpReserved", win.LPWSTR), ("lpDesktop", win.LPWSTR), ("lpTitle", win.LPWSTR),
        ("dwX", win.DWORD), ("dwY", win.DWORD), ("dwXSize", win.DWORD), ("dwYSize", win.DWORD),
        ("dwXCountChars", win.DWORD), ("dwYCountChars", win.DWORD), ("dwFillAttribute", win.DWORD),
        ("dwFlags", win.DWORD), ("wShowWindow", win.WORD), ("cbReserved2", win.WORD),
        ("lpReserved2", win.LPVOID), ("hStdInput", win.HANDLE), ("hStdOutput", win.HANDLE),
        ("hStdError", win.HANDLE), ("lpAttributeList", win.LPVOID),
    )  # fmt: skip


class _ProcessInformation(ctypes.Structure):
    _fields_ = (
        ("hProcess", win.HANDLE), ("hThread", win.HANDLE), ("dwProcessId", win.DWORD), ("dwThreadId", win.DWORD),
    )  # fmt: skip


_SIGNATURES: Mapping[str, tuple[Any, ...]] = {
    "CreateJobObjectW": (win.HANDLE, win.LPVOID, win.LPCWSTR),
    "SetInformationJobObject": (win.BOOL, win.HANDLE, ctypes.c_int, win.LPVOID, win.DWORD),
    "TerminateJobObject": (win.BOOL, win.HANDLE, win.UINT),
    "InitializeProcThreadAttributeList": (win.BOOL, win.LPVOID, win.DWORD, win.DWORD, win.LPVOID),
    "UpdateProcThreadAttribute": (
        win.BOOL, win.LPVOID, win.DWORD, ctypes.c_size_t, win.LPVOID, ctypes.c_size_t, win.LPVOID, win.LPVOID,
    ),
    "DeleteProcThreadAttributeList": (None, win.LPVOID),
    "CreateProcessW": (
        win.BOOL, win.LPCWSTR, win.LPWSTR, win.LPVOID, win.LPVOID, win.BOOL, win.DWORD, win.LPVOID, win.LPCWSTR,
        win.LPVOID, win.LPVOID,
    ),
    "WaitForSingleObject": (win.DWORD, win.HANDLE, win.DWORD),
    "GetExitCodeProcess": (win.BOOL, win.HANDLE, win.LPVOID),
    "GenerateConsoleCtrlEvent": (win.BOOL, win.DWORD, win.DWORD),
    "CloseHandle": (win.BOOL, win.HANDLE),
}  # fmt: skip
"""Function → what it returns, and takes."""


@cache
def _kernel32() -> ctypes.WinDLL:
    """The calls that are used here; those that fail raise OSError."""
    library = ctypes.WinDLL("kernel32", use_last_error=True)
    for name, (result, *arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        if result in (win.BOOL, win.HANDLE):
            function.errcheck = _checked
    return library


def _checked(result: Any, _function: object, _arguments: object) -> Any:
    if not result:
        raise ctypes.WinError(ctypes.get_last_error())
    return result


def _new_job() -> int:
    """A job whose processes end with its last handle, which only this process has; they cannot leave it."""
    job: int = _kernel32().CreateJobObjectW(None, None)
    limits = _ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = KILL_ON_JOB_CLOSE | DIE_ON_UNHANDLED_EXCEPTION
    _kernel32().SetInformationJobObject(
        job, EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
    )
    return job


def _create(
    job: int, argv: Sequence[str], env: Mapping[str, str], cwd: str, streams: tuple[int, int, int]
) -> tuple[int, int]:
    """The pid and the handle of a process in ``job``."""
    import msvcrt  # noqa: PLC0415 - beside its only use

    if any("\0" in word for word in (*argv, *env, *env.values())):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    program = shutil.which(argv[0], path=env.get("PATH"))  # CreateProcess itself would look in more places
    if program is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    with ExitStack() as ours:
        handles = (win.HANDLE * len(streams))()
        for place, stream in enumerate(streams):
            duplicate = os.dup(stream)
            ours.callback(os.close, duplicate)
            os.set_inheritable(duplicate, True)  # noqa: FBT003 - os has no keywords
            handles[place] = msvcrt.get_osfhandle(duplicate)
        jobs = (win.HANDLE * 1)(job)
        attributes = _attributes(ours, {ATTRIBUTE_HANDLE_LIST: handles, ATTRIBUTE_JOB_LIST: jobs})
        start = _StartupInfo(
            cb=ctypes.sizeof(_StartupInfo), dwFlags=STARTF_USESTDHANDLES, hStdInput=handles[0],
            hStdOutput=handles[1], hStdError=handles[2], lpAttributeList=ctypes.addressof(attributes),
        )  # fmt: skip
        made = _ProcessInformation()
        _kernel32().CreateProcessW(
            program, ctypes.create_unicode_buffer(subprocess.list2cmdline(argv)), None, None, 1,
            CREATE_NEW_PROCESS_GROUP | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT,
            ctypes.create_unicode_buffer("".join(f"{name}={env[name]}\0" for name in sorted(env)) + "\0"),
            cwd, ctypes.byref(start), ctypes.byref(made),
        )  # fmt: skip
    _kernel32().CloseHandle(made.hThread)
    return made.dwProcessId, made.hProcess


def _attributes(ours: ExitStack, values: Mapping[int, ctypes.Array[Any]]) -> ctypes.Array[ctypes.c_char]:
    """A PROC_THREAD_ATTRIBUTE_LIST, which lives as long as ``ours``; so must the values."""
    size = ctypes.c_size_t()
    try:  # asked for the size, it answers by failing
        _kernel32().InitializeProcThreadAttributeList(None, len(values), 0, ctypes.byref(size))
    except OSError:
        if not size.value:
            raise
    attributes = ctypes.create_string_buffer(size.value)
    _kernel32().InitializeProcThreadAttributeList(attributes, len(values), 0, ctypes.byref(size))
    ours.callback(_kernel32().DeleteProcThreadAttributeList, attributes)
    for attribute, value in values.items():
        _kernel32().UpdateProcThreadAttribute(
            attributes, 0, attribute, value, ctypes.sizeof(value), None, None
        )
    return attributes
