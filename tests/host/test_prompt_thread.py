"""A thread that is to run promptly has a short time slice, and where that is allowed a greater share; no other has."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import subprocess
import sys
from threading import Thread

import pytest

from harness.host.prompt_thread import NICE, SLICE_NS, run_promptly

_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275, "riscv64": 275}
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux's scheduler")


def _scheduled() -> tuple[int, int]:
    """Time slice in ns (0 before Linux 6.12) and nice value of the calling thread, as the kernel has them."""
    found = ctypes.create_string_buffer(48)
    assert ctypes.CDLL(None).syscall(_SCHED_GETATTR[platform.machine()], 0, found, len(found), 0) == 0
    nice, _, slice_ns = struct.unpack_from("=iIQ", found, 16)
    return int(slice_ns), int(nice)


def _prompt() -> tuple[int, int]:
    """The same of a thread that is to run promptly."""
    seen: list[tuple[int, int]] = []

    def run() -> None:
        run_promptly()
        seen.append(_scheduled())

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return seen[0]


def _may_be_nice() -> bool:
    """Whether a thread of this process may have that nice value, found out by another process."""
    script = f"import os; os.setpriority(os.PRIO_PROCESS, 0, {NICE})"
    return (
        subprocess.run([sys.executable, "-c", script], stderr=subprocess.DEVNULL, check=False).returncode == 0
    )


@linux_only
def test_the_thread_has_a_short_slice_and_no_other() -> None:
    before = _scheduled()
    if not before[0]:
        pytest.skip("before Linux 6.12 threads have no slices of their own")
    assert _prompt() == (SLICE_NS, NICE if _may_be_nice() else before[1])
    assert _scheduled() == before


@linux_only
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can give up its privilege"
)
@pytest.mark.parametrize(("limit", "allowed"), [(0, None), (30, -10)])
def test_without_the_privilege_the_slice_is_short_and_the_share_what_the_limit_allows(
    limit: int, allowed: int | None
) -> None:
    script = f"""
import os, resource
from tests.host.test_prompt_thread import _prompt, _scheduled
try:
    resource.setrlimit(resource.RLIMIT_NICE, ({limit}, {limit}))
except ValueError:  # a container's root may not raise it
    raise SystemExit(0)
before = _scheduled()
os.setresuid(65534, 65534, 65534)
print(*before, *_prompt())
"""
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    if not said:
        pytest.skip("this root cannot raise RLIMIT_NICE")
    slice_ns, nice, own_slice_ns, own_nice = map(int, said.split())
    assert own_nice == (nice if allowed is None else allowed)
    assert own_slice_ns == (SLICE_NS if slice_ns else 0)


def test_another_machine_is_left_as_it_is(monkeypatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    monkeypatch.setattr(ctypes, "CDLL", None)  # nothing is called
    run_promptly()


@linux_only
def test_a_c_library_without_scheduling_is_no_failure(monkeypatch) -> None:
    def refuse(_: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "sched_getscheduler", refuse)
    run_promptly()
