"""Commands in a guest over SSH: one connection, a pinned host key, nothing unbounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.channels.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that has ended in the guest."""

    stdout: bytes
    stderr: bytes
    status: int
    seconds: float
    """From the request to the exit status, on the harness's clock."""

    def text(self) -> str: ...
    def number(self) -> float: ...
    def json(self) -> Any: ...


class Ssh:
    """An SSH client for one guest; connects at first use, again after :meth:`disconnect` or a lost connection."""

    def __init__(self, host: str, port: int, user: str, client_key: Path, host_key: str) -> None:
        """``client_key``: an OpenSSH private key file; ``host_key``: the public line, ``ssh-ed25519 AAAA…``."""
        raise NotImplementedError

    def wait_banner(self, timeout_s: float) -> Stamp:
        """Raises GuestSilent, ChannelError when what answers is no SSH server."""
        raise NotImplementedError

    def run(
        self, command: Sequence[str] | str, *, timeout_s: float = 30, check: bool = True, stdin: bytes = b""
    ) -> Completed:
        """Raises GuestSilent, CommandTimeout, CommandFailed, ChannelClosed, OutputTooLarge, HostKeyChanged."""
        raise NotImplementedError

    def put(self, local: Path, remote: str, mode: int = 0o755, *, timeout_s: float = 120) -> None: ...
    def get(self, remote: str, local: Path, *, timeout_s: float = 120) -> None: ...
    def disconnect(self) -> None:
        """Drop the connection (after a reset of the guest, say); the next use makes a new one."""
        raise NotImplementedError

    def close(self) -> None: ...
