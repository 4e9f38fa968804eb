"""The SSH keys of one machine, made when it boots and never part of an image.

The guest gets them as a second cpio archive appended to its initrd; the harness pins the host key and logs in
with the client key. A key file of dropbear is the SSH wire form: the string ``ssh-ed25519``, then the string of
the 32-byte seed followed by the 32-byte public key (dropbear, src/ed25519.c: buf_put_ed25519_priv_key).
"""

from __future__ import annotations

import base64
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from harness.errors import InvalidConfiguration
from harness.guests.image import cpio
from harness.guests.image.entry import directory, file
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from pathlib import Path

    from harness.guests.model import GuestImage

HOST_KEY_PATH = "etc/dropbear/dropbear_ed25519_host_key"
AUTHORIZED_KEYS_PATH = "root/.ssh/authorized_keys"

_ALGORITHM = b"ssh-ed25519"
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An ed25519 key: 32 bytes of seed, 32 bytes of public key."""

    seed: bytes = field(repr=False)
    public: bytes

    @classmethod
    def generate(cls) -> Self:
        """A fresh key from the host's random source."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - slow

        key = Ed25519PrivateKey.generate()
        return cls(key.private_bytes_raw(), key.public_key().public_bytes_raw())

    @property
    def public_line(self) -> str:
        """``ssh-ed25519 AAAA…``: as in authorized_keys and known_hosts."""
        blob = _wire(_ALGORITHM) + _wire(self.public)
        return f"{_ALGORITHM.decode()} {base64.b64encode(blob).decode()}"

    @property
    def dropbear(self) -> bytes:
        """The private key as a dropbear key file."""
        return _wire(_ALGORITHM) + _wire(self.seed + self.public)

    @property
    def openssh(self) -> str:
        """The private key as an OpenSSH PEM file, for paramiko and ssh -i."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - slow
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        return (
            Ed25519PrivateKey.from_private_bytes(self.seed)
            .private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
            )
            .decode()
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the machine is (host key) and who may log in to it (client key)."""

    client: KeyPair
    host: KeyPair

    @classmethod
    def generate(cls) -> Self:
        """Fresh keys for one machine."""
        return cls(client=KeyPair.generate(), host=KeyPair.generate())

    def overlay(self) -> bytes:
        """The newc archive to append to the initrd."""
        return cpio.pack(
            [
                directory("root", 0o700),
                directory("root/.ssh", 0o700),
                file(AUTHORIZED_KEYS_PATH, f"{self.client.public_line}\n".encode(), 0o600),
                file(HOST_KEY_PATH, self.host.dropbear, 0o600),
            ]
        )


def with_credentials(image: GuestImage, credentials: Credentials, to: Path) -> Path:
    """Write ``image``'s initrd plus the machine's keys to ``to`` (0600) and return it.

    Raises InvalidConfiguration for an image that takes none, DiskFull, CacheReadOnly.
    """
    if image.initrd is None or not image.takes_credentials:
        raise InvalidConfiguration(
            f"guest {image.name} ({image.arch}) has no initrd that takes keys",
            fix="boot it without credentials",
        )
    with (
        image.initrd.open("rb") as source,
        naming_write_errors("the keys of a machine", to.parent, elsewhere="set TMPDIR"),
    ):
        to.touch(mode=0o600)
        try:
            with to.open("wb") as out:
                shutil.copyfileobj(source, out, _COPY_BYTES)
                out.write(bytes(-out.tell() % cpio.ARCHIVE_ALIGNMENT))
                out.write(credentials.overlay())
        except OSError:
            to.unlink(missing_ok=True)
            raise
    return to


def _wire(value: bytes) -> bytes:
    """An SSH string (RFC 4251, section 5): a 32-bit length, then the bytes."""
    return len(value).to_bytes(4, "big") + value
