"""Only what a key of the keyring signed is believed."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pysequoia import Cert, Tsk

from harness.archive.release import Checksum, read_release
from harness.errors import ArchiveUntrusted
from harness.host.paths import shipped
from tests.archive.miniature import SUITE, Miniature, release_text

ENTRY = f" {'ab' * 32} 17 main/binary-amd64/Packages.xz"


@pytest.fixture
def archive() -> Miniature:
    return Miniature()


def test_a_signed_release_is_read(archive, keyring) -> None:
    release = read_release(archive.signed(release_text(ENTRY)), suite=SUITE, keyring=keyring)
    assert (release.codename, release.version, release.by_hash) == (SUITE, "13.1", True)
    assert release.files == {"main/binary-amd64/Packages.xz": Checksum("ab" * 32, 17)}
    assert release.signers == (archive.key.extract_certificate().fingerprint,)


def _refused(raw: bytes, keyring, match: str, **more) -> None:
    with pytest.raises(ArchiveUntrusted, match=match):
        read_release(raw, suite=SUITE, keyring=keyring, **more)


def test_forged_content(archive, keyring) -> None:
    _refused(archive.signed(release_text(ENTRY)).replace(b" 17 ", b" 18 "), keyring, "no valid signature")


def test_a_key_that_is_not_in_the_keyring(archive, keyring) -> None:
    archive.key = Tsk.generate("Mallory <mallory@example.org>")
    _refused(archive.signed(release_text(ENTRY)), keyring, "no valid signature")


@pytest.mark.parametrize("raw", [release_text(ENTRY).encode(), b"", b"<html>sign in</html>", b"\0" * 64])
def test_unsigned(raw: bytes, keyring) -> None:
    _refused(raw, keyring, "no valid signature")


def test_text_around_the_signed_one_does_not_exist(archive, keyring) -> None:
    raw = b"Codename: sid\n\n" + archive.signed(release_text(ENTRY)) + b"\nCodename: sid\n"
    with contextlib.suppress(ArchiveUntrusted):  # refusing the whole is as good
        assert read_release(raw, suite=SUITE, keyring=keyring).codename == SUITE


def test_past_its_valid_until(archive, keyring) -> None:
    yesterday = format_datetime(datetime.now(UTC) - timedelta(hours=1))
    _refused(archive.signed(release_text(ENTRY, Valid_Until=yesterday)), keyring, "expired")


def test_from_the_future(archive, keyring) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(days=3))
    _refused(archive.signed(release_text(ENTRY, Date=later)), keyring, "future")


def test_another_suite(archive, keyring) -> None:
    _refused(archive.signed(release_text(ENTRY, Codename="sid")), keyring, "a Release file of sid")


@pytest.mark.parametrize("fields", [{"Date": "yesterday"}, {"Date": ""}])
def test_signed_nonsense(archive, keyring, fields: dict[str, str]) -> None:
    _refused(archive.signed(release_text(ENTRY, **fields)), keyring, "cannot be read")


def test_an_expired_key_signs_nothing(archive, keyring) -> None:
    raw = archive.signed(release_text(ENTRY))
    now = datetime.now(UTC)
    cert = archive.key.extract_certificate().set_expiration(now + timedelta(days=30), archive.key.certifier())
    (keyring / "archive.gpg").write_bytes(bytes(cert))
    read_release(raw, suite=SUITE, keyring=keyring, now=now)
    _refused(raw, keyring, "no valid signature", now=now + timedelta(days=31))


def test_an_empty_keyring(archive, tmp_path) -> None:
    _refused(archive.signed(release_text(ENTRY)), tmp_path, "no keys")


def test_the_shipped_keys_are_those_the_readme_names() -> None:
    folder = shipped("fixtures", "keyrings")
    readme = (folder / "README.md").read_text().lower()
    for path in folder.glob("*.gpg"):
        for cert in Cert.split_file(str(path)):
            assert cert.fingerprint in readme
