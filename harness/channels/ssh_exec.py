"""One command on one SSH connection: streams in and out, an exit status, a deadline."""

from __future__ import annotations

import select
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.errors import ChannelClosed, CommandTimeout, GuestSilent, OutputTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from paramiko import Channel, Transport

_CHUNK = 64 << 10


class Bounded:
    """Takes a guest's output up to a limit; raises OutputTooLarge beyond."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def __call__(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise OutputTooLarge(
                f"the guest's command printed more than {self._limit} bytes",
                fix="let it write to a file and fetch that", limit_bytes=self._limit,
            )  # fmt: skip
        self._parts.append(data)

    @property
    def value(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)


def open_channel(transport: Transport, timeout_s: float) -> Channel:
    """A session. Raises GuestSilent when nobody answers, ChannelClosed when the connection is gone."""
    import paramiko  # noqa: PLC0415 - slow to import

    deadline = time.monotonic() + timeout_s
    try:
        return transport.open_session(timeout=timeout_s)
    except (paramiko.SSHException, EOFError, OSError) as error:
        if time.monotonic() >= deadline:  # a transport that is dying may still call itself active
            raise GuestSilent(f"the guest did not answer within {timeout_s:.3g} s") from error
        raise ChannelClosed(f"the SSH connection is gone: {error or type(error).__name__}") from error


def execute(
    channel: Channel,
    command: str,
    *,
    deadline: float,
    stdin: Iterable[bytes],
    stdout: Callable[[bytes], None],
    stderr: Callable[[bytes], None],
) -> int:
    """Run to the end and return the exit status, -1 when a signal ended the command.

    ``deadline`` is on ``time.monotonic()``; what ``stdout`` raises ends the command. Raises GuestSilent when
    the request is not even acknowledged, CommandTimeout, ChannelClosed.
    """
    transport = channel.get_transport()
    try:
        _request(channel, command, deadline)
        feeder = threading.Thread(
            target=_feed, args=(channel, stdin), name="visorbench-ssh-stdin", daemon=True
        )
        feeder.start()
        if not _drain(channel, deadline, stdout, stderr):
            if feeder.is_alive():  # jammed: a message that closes the channel would jam as well
                transport.close()
            raise CommandTimeout(f"{command!r} did not end in time", command=command)
        channel.status_event.wait(max(0, deadline - time.monotonic()))
        if not channel.exit_status_ready():
            raise CommandTimeout(f"{command!r} closed its output and did not end in time", command=command)
        if channel.exit_status == -1 and _lost(transport):
            raise ChannelClosed(f"the SSH connection went away while {command!r} ran", command=command)
        return channel.exit_status
    finally:
        channel.close()


def _lost(transport: Transport) -> bool:
    """Whether the connection is going away: paramiko closes the channels first, then its thread ends."""
    transport.join(0.1)
    return not transport.is_active()


def _request(channel: Channel, command: str, deadline: float) -> None:
    import paramiko  # noqa: PLC0415 - slow to import

    # paramiko waits for the answer without a limit; closing the channel ends that wait.
    alarm = threading.Timer(max(0, deadline - time.monotonic()), channel.close)
    alarm.daemon = True
    alarm.start()
    try:
        channel.exec_command(command)
    except (paramiko.SSHException, EOFError, OSError) as error:
        if not channel.get_transport().is_active():
            raise ChannelClosed(f"the SSH connection is gone: {error}") from error
        if time.monotonic() < deadline:
            raise ChannelClosed(f"the guest refused to run {command!r}: {error}") from error
        raise GuestSilent(f"the guest did not start {command!r} in time") from error
    finally:
        alarm.cancel()


def _feed(channel: Channel, stdin: Iterable[bytes]) -> None:
    with suppress(OSError, EOFError):  # the command need not read it all
        for chunk in stdin:
            channel.sendall(chunk)
        channel.shutdown_write()


def _drain(
    channel: Channel, deadline: float, stdout: Callable[[bytes], None], stderr: Callable[[bytes], None]
) -> bool:
    """Read until the end of both streams; False when the deadline comes first."""
    descriptor = channel.fileno()  # readable when either stream has something, or has ended
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            return False
        ended = channel.eof_received or channel.closed
        while channel.recv_ready() and time.monotonic() < deadline:
            stdout(channel.recv(_CHUNK))
        while channel.recv_stderr_ready() and time.monotonic() < deadline:
            stderr(channel.recv_stderr(_CHUNK))
        if ended:
            return True
    return False
