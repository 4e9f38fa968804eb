"""Packages become a tree that works as a root, and works as a folder."""

from __future__ import annotations

import posixpath
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ArchiveCorrupt
from harness.runtimes import tree
from tests.archive.miniature import deb, regular, special

NAME = st.text("abc.", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join)


def unpacked(tmp_path, content: list, *drop: str):
    package = tmp_path / "p.deb"
    package.write_bytes(deb(content))
    root = tmp_path / "tree"
    tree.prepare(root)
    tree.unpack(package, root, drop)
    return root


def test_folders_of_the_root_are_those_of_usr(tmp_path) -> None:
    root = unpacked(
        tmp_path,
        [
            regular("./bin/sh", b"shell", 0o755),
            regular("./usr/bin/env", b"env", 0o4755),
            special("./usr/bin/bash", tarfile.LNKTYPE, "./bin/sh"),
            special("./sbin/init", tarfile.SYMTYPE, "/bin/sh"),
            special("./etc/alternatives/sh", tarfile.SYMTYPE, "/usr/bin/sh"),
            regular("./etc/sh.conf", b"conf"),
        ],
    )
    assert (root / "usr/bin/sh").read_bytes() == (root / "bin/bash").read_bytes() == b"shell"
    assert (root / "usr/bin/env").stat().st_mode & 0o7777 == 0o755
    assert (root / "etc/sh.conf").stat().st_mode & 0o7777 == 0o644
    for link in ("sbin/init", "etc/alternatives/sh"):
        assert (root / link).is_symlink()
        assert (root / link).read_bytes() == b"shell"


def test_what_nothing_opens_is_not_unpacked(tmp_path) -> None:
    content = [regular(f"./usr/share/{name}", b"") for name in ("doc/a/b", "data/doc", "man/m")]
    root = unpacked(tmp_path, content, "usr/share/doc/*", "usr/share/m?n/*")
    assert [path.name for path in (root / "usr/share").rglob("*") if path.is_file()] == ["doc"]


@pytest.mark.parametrize("bad", [regular("../evil", b""), special("./a", tarfile.SYMTYPE, "../../evil")])
def test_what_leads_out_of_the_tree_is_refused(tmp_path, bad) -> None:
    with pytest.raises(ArchiveCorrupt):
        unpacked(tmp_path, [bad])
    assert not list(tmp_path.rglob("evil"))


@given(PATH, PATH)
def test_an_absolute_link_leads_to_the_same_file_from_anywhere(path: str, target: str) -> None:
    link = tree.relative(f"/{target}", path)
    assert not link.startswith("/")
    found = posixpath.normpath(posixpath.join("/tree", posixpath.dirname(path), link))
    assert found == posixpath.normpath(f"/tree/{tree.merged(target)}")
    assert tree.relative(target, path) == target


@given(PATH)
def test_merging_is_done_once(path: str) -> None:
    assert tree.merged(tree.merged(path)) == tree.merged(path)
    assert tree.merged(f"lib/{path}") == f"usr/lib/{path}"
