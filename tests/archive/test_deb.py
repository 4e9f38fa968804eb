"""Files out of a package: those asked for, and none that leads out of the tree."""

from __future__ import annotations

import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.archive.deb import Member, members
from harness.errors import ArchiveCorrupt, PackageNotFound
from tests.archive.miniature import deb, regular, special


def _read(tmp_path, content: list, *patterns: str) -> list[tuple[Member, bytes]]:
    package = tmp_path / "p.deb"
    package.write_bytes(deb(content))
    return [
        (member, member.content.read() if member.content else b"") for member in members(package, patterns)
    ]


def test_files_and_links_that_match(tmp_path) -> None:
    content = [
        special("./usr/", tarfile.DIRTYPE),
        regular("./usr/bin/tool", b"\x7fELF", 0o4755),
        regular("./usr/share/doc/tool", b"words"),
        special("./usr/lib/libx.so.1", tarfile.SYMTYPE, "libx.so.1.2"),
        regular("./usr/lib/libx.so.1.2", b"lib"),
    ]
    found = _read(tmp_path, content, "/usr/bin/tool", "/usr/lib/*.so.1*")
    assert [(member.path, member.executable, member.target, data) for member, data in found] == [
        ("usr/bin/tool", True, None, b"\x7fELF"),
        ("usr/lib/libx.so.1", False, "libx.so.1.2", b""),
        ("usr/lib/libx.so.1.2", False, None, b"lib"),
    ]


def test_a_hard_link_has_its_target_s_content(tmp_path) -> None:
    content = [regular("./a", b"same"), special("./b", tarfile.LNKTYPE, "./a")]
    assert [data for _, data in _read(tmp_path, content, "/b")] == [b"same"]


def test_device_nodes_are_not_taken(tmp_path) -> None:
    with pytest.raises(PackageNotFound, match="/dev/mem"):
        _read(tmp_path, [special("./dev/mem", tarfile.CHRTYPE), regular("./a", b"")], "/a", "/dev/mem")


@pytest.mark.parametrize(
    "bad",
    [
        regular("../evil", b""),
        regular("./usr/../../evil", b""),
        special("./usr/a", tarfile.SYMTYPE, "../../evil"),
        special("./a", tarfile.SYMTYPE, ".."),
        special("./a", tarfile.LNKTYPE, "../evil"),
    ],
)
def test_what_leads_out_of_the_tree_is_refused(tmp_path, bad) -> None:
    with pytest.raises(ArchiveCorrupt, match="leads out"):
        _read(tmp_path, [bad], "*")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["..", ".", "a", "usr", ""]), min_size=1, max_size=6).map("/".join))
def test_no_name_escapes(tmp_path, name: str) -> None:
    try:
        found = _read(tmp_path, [regular(name or ".", b"x")], "*")
    except (ArchiveCorrupt, PackageNotFound):
        return
    for member, _ in found:
        assert not member.path.startswith("/")
        assert ".." not in member.path.split("/")


@pytest.mark.parametrize("cut", [0, 7, 60, 300, -40])
def test_a_broken_package_is_named(tmp_path, cut: int) -> None:
    package = tmp_path / "p.deb"
    whole = deb([regular("./a", bytes(range(256)) * 64)])
    package.write_bytes(whole[:cut])
    with pytest.raises(ArchiveCorrupt):
        [member.content.read() for member in members(package, ["/a"])]
