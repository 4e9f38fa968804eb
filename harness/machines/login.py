"""How the harness gets into one machine: its own keys, in its own initrd, and an address that the VMM tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.channels.ssh import Ssh
    from harness.guests.credentials import Credentials
    from harness.guests.model import GuestImage

SSH_PORT = 22


@dataclass(slots=True)
class Login:
    """The keys of one machine, and the client that uses them once somebody asks for it."""

    guest: GuestImage
    credentials: Credentials | None
    key: Path
    client: Ssh | None = None

    @classmethod
    def prepare(cls, guest: GuestImage, private: Path) -> tuple[Login, Path | None]:
        """Fresh keys for a guest that takes them, and the initrd to boot, which then has them.

        Raises DiskFull, CacheReadOnly.
        """
        key = private / "client-key"
        if not guest.takes_credentials or guest.initrd is None:
            return cls(guest, None, key), guest.initrd
        from harness.guests.credentials import Credentials, with_credentials  # noqa: PLC0415 - cryptography

        credentials = Credentials.generate()
        with naming_write_errors("the keys of a machine", private, elsewhere="set TMPDIR"):
            key.touch(mode=0o600)
            key.write_text(credentials.client.openssh)
        initrd = with_credentials(guest, credentials, private / "initrd")
        return cls(guest, credentials, key), initrd

    def ssh(self, address: Callable[[], tuple[str, int]], check: Callable[[float], None]) -> Ssh:
        """The client, which waits for its guest only while ``check`` does not raise.

        Raises InvalidConfiguration when the guest lets nobody in, and what ``address`` raises.
        """
        if self.client is None:
            if self.credentials is None or self.guest.ssh_user is None:
                raise InvalidConfiguration(
                    f"guest {self.guest.name} has no SSH server that takes the harness's keys",
                    fix="wait for another phase, and use its console",
                )
            from harness.channels.ssh import Ssh  # noqa: PLC0415 - paramiko is slow to import

            public_line = self.credentials.host.public_line
            self.client = Ssh(*address(), self.guest.ssh_user, self.key, public_line, check=check)
        return self.client

    def disconnect(self) -> None:
        """The guest has forgotten the connection."""
        if self.client:
            self.client.disconnect()

    def close(self) -> None:
        if self.client:
            self.client.close()
