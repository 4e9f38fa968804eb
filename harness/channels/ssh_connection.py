"""One SSH connection to a guest: the pinned host key is checked before anything is said, then the client key."""

from __future__ import annotations

import base64
import binascii
import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness.channels.ssh_banner import Greeted, not_ssh
from harness.errors import ChannelError, GuestSilent, HostKeyChanged, InvalidConfiguration

if TYPE_CHECKING:
    from paramiko import PKey, Transport

_NO_BANNER = "it took the connection and sent no banner in time"


def pinned(host_key: str) -> tuple[str, bytes]:
    """The type and the wire form of a public key line. Raises InvalidConfiguration."""
    kind, _, rest = host_key.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split()[0] if rest else "", validate=True)
    except binascii.Error:
        blob = b""
    if not blob:
        raise InvalidConfiguration(
            f"{host_key[:60]!r} is no SSH public key", fix="as in known_hosts: TYPE BASE64"
        )
    return kind, blob


def load_key(client_key: Path | str) -> PKey:
    """A private key from an OpenSSH file, or from its text. Raises InvalidConfiguration."""
    import io  # noqa: PLC0415

    import paramiko  # noqa: PLC0415 - slow to import

    try:
        text = client_key.read_text() if isinstance(client_key, Path) else client_key
        return paramiko.Ed25519Key.from_private_key(io.StringIO(text))
    except (OSError, paramiko.SSHException, ValueError) as error:
        raise InvalidConfiguration(
            f"the client key is no ed25519 key in OpenSSH form: {error}",
            fix="make one with ssh-keygen -t ed25519",
        ) from error


def connect(
    address: tuple[str, int],
    *,
    user: str,
    client_key: PKey,
    host_key: tuple[str, bytes],
    deadline: float,
    greeted: Greeted,
) -> Transport:
    """An authenticated transport, over ``greeted``, the connection that brought the banner.

    ``deadline`` is on ``time.monotonic()``. Raises GuestSilent, HostKeyChanged, ChannelError.
    """
    import paramiko  # noqa: PLC0415 - slow to import

    quiet = logging.getLogger("paramiko")  # without a handler it prints tracebacks of what is raised here
    if not quiet.handlers:
        quiet.addHandler(logging.NullHandler())
    transport = paramiko.Transport(greeted)  # type: ignore[arg-type]  # socket-like
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = _left(deadline)
    try:
        agreed = threading.Event()
        transport.start_client(event=agreed)
        if not agreed.wait(_left(deadline)):
            raise _silent(
                address, "it did not agree on keys in time" if transport.remote_version else _NO_BANNER
            )
        if not transport.is_active():
            raise transport.get_exception() or EOFError("closed during the handshake")
        _check(transport.get_remote_server_key(), host_key, address)
        transport.auth_timeout = _left(deadline)
        transport.auth_publickey(user, client_key)
    except BaseException as error:
        transport.close()
        # A server that refuses a key may close at once: then the end of the connection is kept as another error.
        if isinstance(error, paramiko.AuthenticationException) and (
            transport.get_exception() is None or str(error) == "Authentication failed."
        ):
            raise ChannelError(
                f"{address[0]}:{address[1]} does not take the client key of {user!r}",
                fix="is it another guest's?",
            ) from error
        if isinstance(error, paramiko.SSHException) and "banner" in str(error).lower():
            raise _ungreeted(address, error) from error
        if isinstance(error, (paramiko.SSHException, EOFError, OSError)):
            raise _silent(address, str(error) or type(error).__name__) from error
        raise
    return transport


def _check(offered: PKey, host_key: tuple[str, bytes], address: tuple[str, int]) -> None:
    if (offered.get_name(), offered.asbytes()) != host_key:
        raise HostKeyChanged(
            f"what answers on {address[0]}:{address[1]} has another host key than the guest was given",
            fix="another program or an older guest holds the port; `visorbench ps` lists ours",
            offered=f"{offered.get_name()} {offered.get_base64()}",
            pinned=f"{host_key[0]} {base64.b64encode(host_key[1]).decode()}",
        )


def _ungreeted(address: tuple[str, int], error: Exception) -> ChannelError | GuestSilent:
    """paramiko has one error for a greeting that does not come and for one that is something else's."""
    cause = error.__context__
    if isinstance(cause, TimeoutError):
        return _silent(address, _NO_BANNER)
    if isinstance(cause, (EOFError, OSError)):
        return _silent(address, "it closed the connection before its banner")
    return not_ssh(address, str(error).encode())


def _silent(address: tuple[str, int], why: str) -> GuestSilent:
    return GuestSilent(f"the SSH server on {address[0]}:{address[1]} does not answer: {why}")


def _left(deadline: float) -> float:
    return max(0.01, deadline - time.monotonic())
