"""Packages by name out of one suite and a newer one, from a signed archive."""

from __future__ import annotations

import pytest

from harness.archive.client import Archive
from harness.archive.fetch import Fetcher
from harness.archive.selection import Selection, select
from harness.errors import ArchiveUnreachable, PackageNotFound
from tests.archive.miniature import Miniature, deb

NEWER = "trixie-backports"


@pytest.fixture
def client(archive: Miniature, keyring, cache) -> Archive:
    archive.add("viewer", "1", deb([]), depends="driver (>= 1), libc")
    archive.add("driver", "1", deb([]), depends="libc")
    archive.add("libc", "1", deb([]))
    archive.publish()
    archive.add("driver", "26", b"newer" + deb([]), depends="libdriver (= 26)", suite=NEWER)
    archive.add("libdriver", "26", deb([]), depends="libc", suite=NEWER)
    archive.add("libc", "26", deb([]), suite=NEWER)
    archive.publish(suite=NEWER, Version="")
    folder = cache / "archive"
    return Archive(folder, "trixie", "amd64", keyring, Fetcher(folder / "sha256", [archive.url]))


def chosen(client: Archive, selection: Selection) -> list[str]:
    return [f"{package.name} {package.version}" for package in select(client, selection).packages]


def test_one_suite(client: Archive) -> None:
    assert chosen(client, Selection(("viewer",))) == ["driver 1", "libc 1", "viewer 1"]
    assert chosen(client, Selection(("viewer",), exclude=("libc",))) == ["driver 1", "viewer 1"]
    assert select(client, Selection(("viewer",))).suites == {"trixie": "13.1"}


def test_some_of_a_newer_suite(client: Archive) -> None:
    selection = Selection(("viewer",), newer={NEWER: ("*driver",)})
    selected = select(client, selection)
    assert chosen(client, selection) == ["driver 26", "libc 1", "libdriver 26", "viewer 1"]
    assert list(selected.suites) == ["trixie", NEWER]
    assert selected.suites[NEWER].startswith("20")
    assert client.fetch(selected.packages[0]).read_bytes().startswith(b"newer")


def test_what_was_selected_is_known_without_the_index(archive: Miniature, client: Archive) -> None:
    selection = Selection(("viewer",), newer={NEWER: ("driver", "libdriver")})
    first = select(client, selection)
    archive.requests.clear()
    assert select(client, selection) == first
    assert {path.rpartition("/")[2] for path, _ in archive.requests} == {"InRelease"}


def test_a_newer_suite_that_the_archive_does_not_have(client: Archive) -> None:
    with pytest.raises(ArchiveUnreachable, match="404"):
        select(client, Selection(("viewer",), newer={"sid": ("driver",)}))


def test_a_package_that_needs_what_is_only_in_the_newer_suite(client: Archive) -> None:
    with pytest.raises(PackageNotFound, match="libdriver, needed by viewer → driver → libdriver"):
        select(client, Selection(("viewer",), newer={NEWER: ("driver",)}))
