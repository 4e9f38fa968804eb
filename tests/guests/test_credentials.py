"""A machine's own keys: fresh each time, in the forms that dropbear and paramiko read."""

from __future__ import annotations

import base64
import io
import stat

import paramiko
import pytest

from harness.errors import DiskFull, InvalidConfiguration
from harness.guests.credentials import (
    AUTHORIZED_KEYS_PATH,
    HOST_KEY_PATH,
    Credentials,
    KeyPair,
    with_credentials,
)
from harness.guests.image import cpio
from harness.guests.image.entry import file
from harness.guests.model import Arch, GuestImage


@pytest.fixture
def image(tmp_path) -> GuestImage:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(cpio.pack([file("init", b"#!/bin/sh\n", 0o755)]) + b"\0" * 4)
    return GuestImage("mini", Arch.ARM64, initrd=initrd)


def test_every_machine_has_its_own() -> None:
    machines = [Credentials.generate() for _ in range(4)]
    assert len({pair.seed for machine in machines for pair in (machine.client, machine.host)}) == 8


def test_paramiko_reads_the_key_that_the_guest_is_given() -> None:
    pair = KeyPair.generate()
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(pair.openssh))
    assert f"{key.get_name()} {key.get_base64()}" == pair.public_line
    algorithm, blob = pair.public_line.split()
    assert algorithm.encode() in base64.b64decode(blob)


def test_the_dropbear_key_file() -> None:
    pair = KeyPair(seed=b"s" * 32, public=b"p" * 32)
    assert pair.dropbear == b"\0\0\0\x0bssh-ed25519\0\0\0\x40" + b"s" * 32 + b"p" * 32
    assert "ssss" not in repr(pair)


def test_the_overlay_follows_the_image(image, tmp_path) -> None:
    credentials = Credentials.generate()
    combined = with_credentials(image, credentials, tmp_path / "with keys")
    assert stat.S_IMODE(combined.stat().st_mode) == 0o600
    entries = {entry.path: entry for entry in cpio.unpack(combined.read_bytes())}
    assert entries["init"].data == b"#!/bin/sh\n"
    assert entries[HOST_KEY_PATH].data == credentials.host.dropbear
    assert entries[AUTHORIZED_KEYS_PATH].data.decode().strip() == credentials.client.public_line
    for private in ("root", "root/.ssh", HOST_KEY_PATH, AUTHORIZED_KEYS_PATH):
        assert entries[private].mode & 0o077 == 0  # dropbear refuses keys that others could change


def test_the_image_is_left_as_it_was(image, tmp_path) -> None:
    before = image.initrd.read_bytes()
    with_credentials(image, Credentials.generate(), tmp_path / "a")
    assert image.initrd.read_bytes() == before


def test_an_image_that_takes_none(tmp_path) -> None:
    with pytest.raises(InvalidConfiguration, match="takes keys"):
        with_credentials(GuestImage("disk", Arch.ARM64), Credentials.generate(), tmp_path / "a")


def test_a_full_disk_leaves_nothing(image, tmp_path, no_space_beyond) -> None:
    with no_space_beyond(600), pytest.raises(DiskFull):
        with_credentials(image, Credentials.generate(), tmp_path / "a")
    assert not (tmp_path / "a").exists()
