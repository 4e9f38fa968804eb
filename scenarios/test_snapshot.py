"""Snapshots of a machine that runs: inside its image, and as an overlay that is committed; nothing may be lost."""

from __future__ import annotations

import hashlib
import time

import pytest

from harness.host.allocation import allocated_bytes
from harness.machines.guest_disk import Witness

pytestmark = [
    pytest.mark.guest("storage"),
    pytest.mark.long,
    pytest.mark.needs("disks", "snapshots", "ssh"),
]
BOOT_TIMEOUT_S = 300


def digest(file):
    """SHA-256 of an image as it lies on the host's disk."""
    with file.open("rb") as image:
        return hashlib.file_digest(image, "sha256").hexdigest()


def test_internal(machine_factory, disk_factory, measure, profile):
    """Memory and disk, saved into a qcow2 image while the guest runs, come back exactly."""
    disk = disk_factory("disk")
    with machine_factory(disks=[disk]) as machine:
        machine.boot(timeout_s=BOOT_TIMEOUT_S)
        witness = Witness.prepare(machine, disk.name)
        for number in measure.rounds(profile.snapshot_rounds):
            before, tag = witness.write(), f"round-{number}"
            saved = machine.snapshots.save(tag)
            measure.record(
                "save", saved.took_s, unit="s", better="lower",
                definition="from asking QEMU to keep memory and disk in the image until it has",
            )  # fmt: skip
            measure.record(
                "save-stopped", saved.stopped_s, unit="s", better="lower",
                definition="of that, how long the guest stands still",
            )  # fmt: skip
            (kept,) = machine.snapshots.kept()
            measure.record(
                "size", kept.memory_bytes, unit="B", better="lower",
                definition="the guest's memory and devices, as the snapshot keeps them in the image",
            )  # fmt: skip
            assert witness.write() != before
            asked_ns = time.monotonic_ns()
            loaded = machine.snapshots.load(tag)
            machine.ssh.run("true")
            measure.record(
                "load-to-answer", (time.monotonic_ns() - asked_ns) / 1e9, unit="s", better="lower",
                definition="from asking QEMU to go back until the guest has run a command over a new SSH connection",
            )  # fmt: skip
            measure.record(
                "load", loaded.took_s, unit="s", better="lower",
                definition="of that, until QEMU has gone back",
            )  # fmt: skip
            assert witness.read() == before
            measure.record(
                "delete", machine.snapshots.delete(tag).took_s, unit="s", better="lower",
                definition="from asking QEMU to forget the snapshot until it has",
            )  # fmt: skip
            assert not machine.snapshots.kept()


def test_overlay(machine_factory, disk_factory, measure, profile):
    """What a guest writes goes to an overlay, the image below it stays as it was, and a commit joins the two."""
    disk = disk_factory("disk")
    with machine_factory(disks=[disk]) as machine:
        machine.boot(timeout_s=BOOT_TIMEOUT_S)
        witness = Witness.prepare(machine, disk.name, mib=64)
        for number in measure.rounds(profile.snapshot_rounds):
            witness.write()
            overlay = disk_factory.folder / f"overlay-{number}.qcow2"
            made = machine.snapshots.overlay(disk.name, overlay)
            measure.record(
                "overlay", made.took_s, unit="s", better="lower",
                definition="from asking QEMU for an overlay until what the guest writes goes there",
            )  # fmt: skip
            below = digest(disk.file)
            changed = witness.write()
            measure.record(
                "overlay-size", allocated_bytes(overlay), unit="B", better="lower",
                definition="what the overlay has on the host's disk after the guest has written 64 MiB",
            )  # fmt: skip
            assert digest(disk.file) == below
            committed = machine.snapshots.commit(disk.name)
            rate = allocated_bytes(overlay) / committed.took_s
            measure.record(
                "commit-rate", rate, unit="B/s", better="higher",
                definition="the overlay's size ÷ the time of the commit",
            )  # fmt: skip
            measure.record(
                "commit", committed.took_s, unit="s", better="lower",
                definition="from asking QEMU to write the overlay into the image, the guest running, until it has",
            )  # fmt: skip
            overlay.unlink()
            assert witness.read() == changed
