"""Commands in a guest over SSH: one connection, a pinned host key, nothing unbounded.

The connection is made at first use and kept; it is made anew when it is lost (a reset guest) or dropped by
:meth:`Ssh.disconnect`. A command is never run twice: only the opening of a channel is tried again.
"""

from __future__ import annotations

import json
import math
import shlex
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.channels import ssh_files
from harness.channels.ssh_banner import Greeted, wait_banner
from harness.channels.ssh_connection import connect, load_key, pinned
from harness.channels.ssh_exec import Bounded, execute, open_channel
from harness.errors import ChannelClosed, ChannelError, CommandFailed, GuestSilent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from paramiko import Channel, Transport

    from harness.channels.stamp import Stamp

OUTPUT_LIMIT_BYTES = 16 << 20
"""Of stdout and of stderr each: a guest cannot fill the harness's memory."""

FILE_LIMIT_BYTES = 4 << 30

GREETING_GOOD_FOR_S = 30
"""A server drops a connection that does not log in; dropbear after 300 s, OpenSSH after 120 s."""

DYING_S = 1
"""How long after its guest's connection the death of a VMM may be noticed."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that has ended."""

    stdout: bytes
    stderr: bytes
    status: int
    """-1 when a signal ended it."""
    seconds: float
    """From the request to the exit status, on the harness's clock."""

    def text(self) -> str:
        """Standard output without the line feeds at its end."""
        return self.stdout.decode(errors="replace").rstrip("\n")

    def number(self) -> float:
        """Standard output as one finite number; raises ChannelError."""
        try:
            number = float(self.stdout)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ChannelError(f"the command printed {self.text()[:60]!r}, not a number")
        return number

    def json(self) -> Any:
        """Standard output as one JSON document; raises ChannelError."""
        try:
            return json.loads(self.stdout)
        except (ValueError, RecursionError) as error:
            raise ChannelError(f"the command printed {self.text()[:60]!r}, not JSON: {error}") from None


class Ssh:
    """An SSH client for one guest; may be used from several threads."""

    def __init__(
        self, host: str, port: int, user: str, client_key: Path | str, host_key: str, *,
        check: Callable[[float], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """``client_key``: an OpenSSH private key, its file or its text; ``host_key``: ``ssh-ed25519 AAAA…``.

        ``check`` is called while the guest is waited for, and when it has not answered; it raises when there is no
        guest any more, or none within so many seconds.
        Imports paramiko, a tenth of a second: make it before a clock starts. Raises InvalidConfiguration.
        """
        self.address = (host, port)
        self.user = user
        self._key_file = None if isinstance(client_key, str) else client_key
        self._client_key = load_key(client_key)
        self._host_key = pinned(host_key)
        self._check = check
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._greeted: tuple[float, Greeted] | None = None

    @property
    def command(self) -> tuple[str, ...] | None:
        """How a person gets in, with OpenSSH; None where the key is in no file.

        The host key is not kept: the next guest on this port has another.
        """
        if self._key_file is None:
            return None
        host, port = self.address
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
        return (
            "ssh", "-p", str(port), "-i", str(self._key_file),
            *(word for option in options for word in ("-o", option)), f"{self.user}@{host}",
        )  # fmt: skip

    def wait_banner(self, timeout_s: float) -> Stamp:
        """When the server sent its banner; the next command goes over the connection that brought it.

        Raises GuestSilent, ChannelError when what answers is no SSH server.
        """
        stamp, greeted = wait_banner(*self.address, timeout_s, self._there)
        with self._lock:
            self._forget_greeting()
            self._greeted = (time.monotonic(), greeted)
        return stamp

    def run(
        self,
        command: Sequence[str] | str,
        *,
        timeout_s: float = 30,
        check: bool = True,
        stdin: bytes = b"",
        limit_bytes: int = OUTPUT_LIMIT_BYTES,
    ) -> Completed:
        """Run a command; a string is for the guest's shell, a sequence is quoted for it.

        Raises GuestSilent when the guest does not even start it, CommandTimeout when it does not end,
        CommandFailed for a status other than 0 (with ``check``; facts: argv, status, stdout, stderr),
        ChannelClosed when the connection goes away, OutputTooLarge, HostKeyChanged.
        """
        out = Bounded(limit_bytes)
        return self.stream(
            command, timeout_s=timeout_s, check=check, stdin=(stdin,) if stdin else (), stdout=out,
            limit_bytes=limit_bytes,
        )  # fmt: skip

    def stream(
        self,
        command: Sequence[str] | str,
        *,
        timeout_s: float = 30,
        check: bool = True,
        stdin: Iterable[bytes] = (),
        stdout: Callable[[bytes], None] | None = None,
        limit_bytes: int = OUTPUT_LIMIT_BYTES,
    ) -> Completed:
        """As :meth:`run`, with standard input from an iterable and output to a function, as they come."""
        line = command if isinstance(command, str) else shlex.join(command)
        deadline = time.monotonic() + timeout_s
        out = stdout or Bounded(limit_bytes)
        err = Bounded(limit_bytes)
        try:
            channel = self._channel(deadline)
            began = time.monotonic()
            status = execute(channel, line, deadline=deadline, stdin=stdin, stdout=out, stderr=err)
        except (ChannelError, GuestSilent) as error:
            self._check(DYING_S if isinstance(error, ChannelClosed) else 0)
            raise
        seconds = time.monotonic() - began
        printed = out.value if isinstance(out, Bounded) else b""
        if check and status != 0:
            complaint = err.value.decode(errors="replace").strip()
            how = f"ended with status {status}" if status >= 0 else "was ended by a signal"
            raise CommandFailed(
                f"{line!r} {how} in the guest" + (f": {complaint[-200:]}" if complaint else ""),
                argv=command, status=status, stdout=printed, stderr=complaint,
            )  # fmt: skip
        return Completed(stdout=printed, stderr=err.value, status=status, seconds=seconds)

    def put(self, local: Path, remote: str, mode: int = 0o755, *, timeout_s: float = 120) -> None:
        """Send a file, checked by SHA-256; raises TransferFailed, and what :meth:`run` raises."""
        ssh_files.put(self, local, remote, mode, timeout_s)

    def get(
        self, remote: str, local: Path, *, timeout_s: float = 120, limit_bytes: int = FILE_LIMIT_BYTES
    ) -> None:
        """Fetch a file, checked by SHA-256; raises TransferFailed, DiskFull, and what :meth:`run` raises."""
        ssh_files.get(self, remote, local, timeout_s, limit_bytes)

    def disconnect(self) -> None:
        """Drop the connection (before a reset of the guest, say); the next use makes a new one."""
        with self._lock:
            self._forget_greeting()
            if self._transport is not None:
                self._transport.close()
                self._transport = None

    close = disconnect

    def _channel(self, deadline: float) -> Channel:
        transport, fresh = self._connected(deadline)
        try:
            return open_channel(transport, max(0.01, deadline - time.monotonic()))
        except ChannelClosed:
            if fresh:
                raise
        self.disconnect()
        transport, _ = self._connected(deadline)
        return open_channel(transport, max(0.01, deadline - time.monotonic()))

    def _connected(self, deadline: float) -> tuple[Transport, bool]:
        with self._lock:
            if self._transport is not None and self._transport.is_active():
                return self._transport, False
            self._transport = self._connect_greeted(deadline) or self._connect_patiently(deadline)
            return self._transport, True

    def _connect_greeted(self, deadline: float) -> Transport | None:
        """Over the connection that brought the banner, unless the server has grown tired of it."""
        if self._greeted is None:
            return None
        (at, greeted), self._greeted = self._greeted, None
        if time.monotonic() - at < GREETING_GOOD_FOR_S:
            with suppress(GuestSilent):
                return self._connect(deadline, greeted)
        greeted.close()
        return None

    def _connect_patiently(self, deadline: float) -> Transport:
        """A guest that says it is ready may start its server a moment later; QEMU resets who comes before."""
        _, greeted = wait_banner(*self.address, max(0.01, deadline - time.monotonic()), self._there)
        return self._connect(deadline, greeted)

    def _connect(self, deadline: float, greeted: Greeted) -> Transport:
        return connect(
            self.address, user=self.user, client_key=self._client_key, host_key=self._host_key,
            deadline=deadline, greeted=greeted,
        )  # fmt: skip

    def _there(self) -> None:
        self._check(0)

    def _forget_greeting(self) -> None:
        if self._greeted:
            self._greeted[1].close()
            self._greeted = None
