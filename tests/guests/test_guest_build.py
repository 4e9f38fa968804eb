"""A whole guest from a signed archive: built, found again, refreshed, and never half there."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.errors import (
    ArchiveCorrupt,
    ArchiveUnreachable,
    ArchiveUntrusted,
    CacheReadOnly,
    DiskFull,
    PackageNotFound,
)
from harness.guests import catalogue
from harness.guests.image import cpio, entry
from harness.guests.model import Arch, GuestImage
from tests.archive.miniature import INRELEASE
from tests.guests.small_guest import BZIMAGE, KERNEL, SPEC, fill

if TYPE_CHECKING:
    from harness.guests.spec import GuestSpec


@pytest.fixture
def build(archive, keyring, cache):
    fill(archive)

    def build(spec: GuestSpec = SPEC, **more) -> GuestImage:
        return catalogue.ensure(spec, **({"mirror": archive.url, "keyring": keyring} | more))

    return build


def _entries(image: GuestImage) -> dict[str, entry.Entry]:
    return {entry.path: entry for entry in cpio.unpack(image.initrd.read_bytes())}


def test_what_is_in_it(build) -> None:
    image = build()
    assert image.kernel.read_bytes() == BZIMAGE
    entries = _entries(image)
    assert entries["usr/bin/tool"].data == b"\x7fELF tool"
    assert entries["usr/bin/tool"].mode & 0o777 == entries["init"].mode & 0o777 == 0o755
    assert entries["etc/motd"].mode & 0o777 == 0o644
    assert entries["bin"].data == b"usr/bin"
    assert "usr/doc" not in entries
    base = "usr/lib/modules/6.1-cloud-amd64"
    assert entries[f"{base}/modules.dep"].data.decode().splitlines() == [
        "kernel/net/failover.ko: ",
        "kernel/net/net_failover.ko: kernel/net/failover.ko",
        "kernel/net/virtio_net.ko: kernel/net/net_failover.ko kernel/net/failover.ko",
    ]
    assert entries[f"{base}/modules.alias"].data == b"alias virtio:d1 virtio_net\n"
    assert f"{base}/kernel/sound/unwanted.ko" not in entries


def test_the_manifest_is_the_fingerprint(build) -> None:
    image = build()
    canonical = json.dumps(image.manifest, sort_keys=True, separators=(",", ":"))
    assert image.fingerprint == hashlib.sha256(canonical.encode()).hexdigest()
    assert set(image.manifest["packages"]) == {KERNEL, "tool"}
    assert json.loads((image.initrd.parent / "manifest.json").read_text()) == image.manifest


def test_the_same_inputs_give_the_same_bytes(build, monkeypatch, tmp_path) -> None:
    first = build()
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(tmp_path / "another place"))
    second = build()
    assert second.initrd != first.initrd
    assert second.initrd.read_bytes() == first.initrd.read_bytes()
    assert second.fingerprint == first.fingerprint


def test_a_second_run_touches_no_network(archive, build) -> None:
    first = build()
    archive.requests.clear()
    assert build() == build(offline=True) == catalogue.find(SPEC) == first
    assert archive.requests == []


def test_downloads_serve_another_build_without_network(build, cache) -> None:
    first = build()
    shutil.rmtree(cache / "guests")
    assert build(mirror="http://127.0.0.1:9") == first


def test_refresh_follows_the_archive(archive, build) -> None:
    first = build()
    fill(archive, tool=b"\x7fELF newer", version="2")
    assert build() == first
    second = build(refresh=True)
    assert second.fingerprint != first.fingerprint
    assert _entries(second)["usr/bin/tool"].data == b"\x7fELF newer"
    assert build() == second


def test_refresh_does_not_go_back_in_time(archive, build) -> None:
    first = build()
    fill(archive, tool=b"\x7fELF with a known hole", version="0.9")
    archive.publish(Date="Mon, 01 Jan 2024 00:00:00 UTC")
    assert build(refresh=True) == first


def test_another_description_is_another_guest(build) -> None:
    first = build()
    changed = build(replace(SPEC, append="console=hvc0"))
    assert changed.fingerprint != first.fingerprint
    assert build() == first


def test_no_network_on_the_first_run(build, cache) -> None:
    with pytest.raises(ArchiveUnreachable) as caught:
        build(mirror="http://127.0.0.1:9")
    assert caught.value.exit_code == 3
    assert catalogue.find(SPEC) is None


def _files(cache) -> list[str]:
    return [path.name for path in cache.rglob("*") if path.is_file() and "lock" not in path.name]


def test_a_forged_archive(archive, build, cache) -> None:
    archive.files[INRELEASE] = archive.files[INRELEASE].replace(b"Version: 13.1", b"Version: 13.2")
    with pytest.raises(ArchiveUntrusted):
        build()
    assert _files(cache) == []


def test_a_forged_index(archive, build, cache) -> None:
    for path in archive.files:
        if "binary-amd64" in path:
            archive.files[path] = archive.files[path][:-1] + b"!"
    with pytest.raises(ArchiveCorrupt):
        build()
    assert _files(cache) == ["InRelease"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"packages": {"tol": ("/x",)}}, "no package tol for amd64"),
        ({"kernel": "linux-image-cloud-amd46"}, "did you mean linux-image-cloud-amd64"),
        ({"packages": {"tool": ("/usr/bin/absent",)}}, "/usr/bin/absent"),
        ({"modules": ("virtio_nett",)}, "did you mean virtio_net"),
        ({"arch": Arch.ARM64}, "kernel for arm64 is one for x86-64"),
        ({"debian_arch": "riscv64"}, "riscv64"),
    ],
)
def test_a_description_that_does_not_fit(build, cache, change: dict, match: str) -> None:
    with pytest.raises((PackageNotFound, ArchiveCorrupt), match=match):
        build(replace(SPEC, **change))
    assert not list((cache / "guests").rglob("vmlinuz"))


def test_a_full_disk(build, cache, no_space_beyond) -> None:
    with no_space_beyond(5000), pytest.raises(DiskFull):
        build()
    assert not list((cache / "guests").rglob("vmlinuz"))
    assert build().initrd.is_file()


def test_a_read_only_cache(build, monkeypatch, read_only_folder) -> None:
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(read_only_folder))
    with pytest.raises(CacheReadOnly):
        build()


def test_clean_removes_it_all(build, cache) -> None:
    build()
    assert sorted(path.name for path in catalogue.clean()) == ["archive", "guests"]
    assert catalogue.find(SPEC) is None
    assert catalogue.clean() == []
