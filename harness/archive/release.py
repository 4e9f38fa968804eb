"""The signed table of contents of an archive: a suite's InRelease file.

Its signature is checked by Sequoia (an OpenPGP library) against a folder of public keys, and only the text that
the signature covers is read: bytes before or after it do not exist. Format: the Debian wiki's RepositoryFormat,
"Release" files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from harness.errors import ArchiveUntrusted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pysequoia import Cert

CLOCK_SKEW = timedelta(hours=24)
"""How far the host's clock may be behind the archive's."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a file must be: SHA-256 in lower-case hexadecimal, size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Release:
    """What a verified InRelease file says."""

    codename: str
    version: str
    date: datetime
    by_hash: bool
    """Whether files can also be had under the address of their hash, which a mirror's update cannot tear."""
    files: Mapping[str, Checksum]
    """Path below ``dists/<suite>/`` → checksum."""
    signers: tuple[str, ...]
    """Fingerprints of the certificates with a valid signature."""


def read_release(inrelease: bytes, *, suite: str, keyring: Path, now: datetime | None = None) -> Release:
    """Verify and parse; ``keyring`` is a folder of ``*.gpg`` files, ``now`` the host's clock.

    Raises ArchiveUntrusted: no valid signature, another suite, from the future, or past its Valid-Until.
    """
    now = now or datetime.now(UTC)
    text, signers = _signed_text(inrelease, keyring, now)
    try:
        release, valid_until = _parse(text, signers)
    except (KeyError, ValueError, TypeError) as error:
        raise ArchiveUntrusted(f"the signed Release file of {suite} cannot be read: {error!r}") from None
    if release.codename != suite:
        raise ArchiveUntrusted(
            f"asked for suite {suite}, the mirror sent a Release file of {release.codename}",
            fix="use another mirror",
        )
    if release.date > now + CLOCK_SKEW:
        raise ArchiveUntrusted(
            f"the Release file of {suite} is from the future ({release.date:%Y-%m-%d})",
            fix="set this host's clock",
        )
    if valid_until and valid_until < now:
        raise ArchiveUntrusted(
            f"the Release file of {suite} expired on {valid_until:%Y-%m-%d}",
            fix="use a mirror that is kept up to date, or set this host's clock",
        )
    return release


def _signed_text(inrelease: bytes, keyring: Path, now: datetime) -> tuple[str, tuple[str, ...]]:
    from pysequoia import verify  # noqa: PLC0415 - only who asks an archive pays for it

    certificates = _certificates(keyring, now)
    try:
        verified = verify(bytes=inrelease, store=lambda _ids: certificates)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ArchiveUntrusted(
            f"the Release file has no valid signature by a key of {keyring} ({reason})",
            fix="use another mirror, and check this host's clock",
        ) from None
    signers = tuple(sorted({signature.certificate for signature in verified.valid_sigs}))
    if not signers or verified.bytes is None:
        raise ArchiveUntrusted("the Release file is not signed", fix="use another mirror")
    return verified.bytes.decode("utf-8"), signers


def _certificates(keyring: Path, now: datetime) -> list[Cert]:
    """The keys that may sign today: neither expired nor revoked."""
    from pysequoia import Cert  # noqa: PLC0415 - as above

    every = [cert for path in sorted(keyring.glob("*.gpg")) for cert in Cert.split_file(str(path))]
    if not every:
        raise ArchiveUntrusted(f"no keys in {keyring}", fix="install the harness again")
    return [
        cert for cert in every if not cert.is_revoked and (cert.expiration is None or cert.expiration > now)
    ]


def _parse(text: str, signers: tuple[str, ...]) -> tuple[Release, datetime | None]:
    from debian.deb822 import Release as Stanza  # noqa: PLC0415 - as above

    stanza = Stanza(text)
    files = {
        entry["name"]: Checksum(entry["sha256"].lower(), int(entry["size"])) for entry in stanza["SHA256"]
    }
    release = Release(
        codename=stanza["Codename"],
        version=stanza.get("Version", ""),
        date=_date(stanza["Date"]),
        by_hash=stanza.get("Acquire-By-Hash") == "yes",
        files=files,
        signers=signers,
    )
    return release, _date(stanza["Valid-Until"]) if "Valid-Until" in stanza else None


def _date(text: str) -> datetime:
    date = parsedate_to_datetime(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
