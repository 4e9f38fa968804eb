"""SSH into a machine that is not the harness's own: the user's key, and a host key that is known already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.channels.ssh import Ssh
from harness.errors import InvalidConfiguration
from harness.machines.attached.target import SSH_PORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.machines.attached.attach import Attach

KNOWN_HOSTS = Path(".ssh/known_hosts")


def login(attach: Attach, found: Callable[[], tuple[str, int] | None]) -> Ssh:
    """A client; ``found`` tells where the guest is when the user did not. Raises InvalidConfiguration."""
    user, _, place = str(attach.ssh).partition("@")
    address = _address(place) if place else found()
    if address is None:
        raise InvalidConfiguration(
            f"nothing says where {attach.name} takes SSH", fix=f'say it: ssh = "{user}@HOST:PORT"'
        )
    key = Path(str(attach.ssh_key)).expanduser()
    return Ssh(*address, user, key, attach.ssh_host_key or known_host_key(*address))


def known_host_key(host: str, port: int) -> str:
    """The ed25519 host key of ~/.ssh/known_hosts, or another that it has; raises InvalidConfiguration."""
    import paramiko  # noqa: PLC0415 - slow to import

    name = host if port == SSH_PORT else f"[{host}]:{port}"
    file = Path.home() / KNOWN_HOSTS
    keys = paramiko.HostKeys()
    if file.is_file():
        keys.load(str(file))
    known = keys.lookup(name)
    if not known:
        raise InvalidConfiguration(
            f"the host key of {name} is not in {file}",
            fix=f"connect once with `ssh -p {port} {host}`, or give ssh_host_key",
        )
    kind = "ssh-ed25519" if "ssh-ed25519" in known else next(iter(known))
    return f"{kind} {known[kind].get_base64()}"


def _address(place: str) -> tuple[str, int]:
    host, colon, port = place.rpartition(":")
    if not colon:
        return place, SSH_PORT
    if not port.isdecimal() or not host:
        raise InvalidConfiguration(f"{place!r} is no HOST:PORT", fix='ssh = "USER@HOST:PORT"')
    return host.strip("[]"), int(port)
