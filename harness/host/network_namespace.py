"""A network namespace of the harness's own, with a bridge and taps in it: Linux, root.

It has no name and no process of its own, only a descriptor here. The kernel takes it back, with all that is in it,
when the last descriptor goes that refers to it or to one of its taps, however their processes end: nothing can be left
behind. Each thread may have a network namespace of its own (setns(2)): a short-lived one does what must be done inside.

Requests of ioctl(2) and their structures: Linux's include/uapi/linux/{sockios,if,if_tun}.h.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from harness.errors import HostLacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_SIOCGIFINDEX, _SIOCBRADDBR, _SIOCBRADDIF = 0x8933, 0x89A0, 0x89A2
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
_TUNSETIFF = 0x400454CA
_IFF_UP, _IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x1, 0x2, 0x1000, 0x4000
_IFREQ = 40
"""Bytes of a struct ifreq: a name of 16, and a union."""


_TUN = "/dev/net/tun"


@dataclass(frozen=True, slots=True)
class NetworkNamespace:
    """An unnamed one, as long as its descriptor is open."""

    fd: int

    @property
    def within(self) -> tuple[str, ...]:
        """What runs a program in it: the beginning of a command line."""
        return ("nsenter", f"--net=/proc/{os.getpid()}/fd/{self.fd}", "--")

    def bridge(self, name: str, address: str) -> None:
        """Make a bridge with an address in a network of 256."""

        def make() -> None:
            with _any_socket() as ours:
                _ioctl(ours, _SIOCBRADDBR, name.encode())
                for request, word in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, "255.255.255.0")):
                    _ioctl(
                        ours,
                        request,
                        _ifreq(name, struct.pack("=H2x4s", socket.AF_INET, socket.inet_aton(word))),
                    )
                _up(ours, name)

        self._inside(make)

    def tap(self, bridge: str, name: str) -> int:
        """Make a tap and plug it into the bridge; its descriptor, for a VMM, closed by whoever asked for it.

        Raises HostLacks where the host makes none.
        """

        def make() -> int:
            try:
                tap = os.open(_TUN, os.O_RDWR)
            except OSError as error:
                raise HostLacks(
                    f"this host makes no taps: {_TUN}: {error.strerror}",
                    fix=f"modprobe tun, or give the container its device: --device {_TUN}",
                ) from error
            try:
                flags = struct.pack("=H", _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR)
                _ioctl(tap, _TUNSETIFF, _ifreq(name, flags))
                with _any_socket() as ours:
                    index = _ioctl(ours, _SIOCGIFINDEX, _ifreq(name))[16:20]
                    _ioctl(ours, _SIOCBRADDIF, _ifreq(bridge, index))
                    _up(ours, name)
            except BaseException:
                os.close(tap)
                raise
            return tap

        return self._inside(make)

    def _inside(self, work: Callable[[], T]) -> T:
        def enter() -> T:
            _check(_libc().setns(self.fd, _CLONE_NEWNET))
            return work()

        return _in_thread(enter)


@contextmanager
def network_namespace() -> Iterator[NetworkNamespace]:
    """A new one, its loopback up. Raises HostLacks off Linux, and without root."""
    if sys.platform != "linux":
        raise HostLacks("network namespaces, bridges and taps are Linux's", fix="measure on a Linux host")

    def make() -> int:
        _check(_libc().unshare(_CLONE_NEWNET))
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    with ExitStack() as undo:
        try:
            fd = _in_thread(make)
            undo.callback(os.close, fd)
            made = NetworkNamespace(fd)
            made._inside(_loopback_up)
        except OSError as error:
            raise HostLacks(
                f"this host lets us make no network namespace: {error.strerror}",
                fix="run as root",
            ) from None
        yield made


def _loopback_up() -> None:
    with _any_socket() as ours:
        _up(ours, "lo")


def _in_thread(work: Callable[[], T]) -> T:
    """In one that ends with it: what becomes of its namespaces concerns nobody else."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            errors.append(error)

    thread = threading.Thread(target=run, name="network namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(status: int) -> None:
    if status:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _any_socket() -> socket.socket:
    """Some socket of this network namespace, for its ioctls."""
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _ifreq(name: str, union: bytes = b"") -> bytes:
    return (name.encode().ljust(16, b"\0") + union).ljust(_IFREQ, b"\0")


def _up(ours: socket.socket, name: str) -> None:
    (flags,) = struct.unpack("=H", _ioctl(ours, _SIOCGIFFLAGS, _ifreq(name))[16:18])
    _ioctl(ours, _SIOCSIFFLAGS, _ifreq(name, struct.pack("=H", flags | _IFF_UP)))


def _ioctl(on: socket.socket | int, request: int, argument: bytes) -> bytes:
    if sys.platform == "win32":
        raise AssertionError("there is no network namespace")
    import fcntl  # noqa: PLC0415 - Windows has none

    answer: bytes = fcntl.ioctl(on, request, argument)
    return answer
