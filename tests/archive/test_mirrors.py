"""Which mirrors a host's configuration gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.archive import mirrors
from harness.errors import InvalidConfiguration

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://near.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://off.example/debian
Suites: trixie
Components: main
Enabled: no

Types: deb-src
URIs: https://source.example/debian
Suites: trixie
Components: main

Types: deb
URIs: https://third.example/node_20.x
Suites: nodistro
Components: main
"""

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/a/b.gpg] https://near.example/debian bookworm main contrib # near
deb-src https://near.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb https://docker.example/linux/debian bookworm stable
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb http://ubuntu.example/ubuntu noble main universe
"""


def test_deb822() -> None:
    assert mirrors.from_deb822(DEB822) == ["http://near.example/debian"]


def test_one_line() -> None:
    assert mirrors.from_one_line(ONE_LINE) == ["https://near.example/debian"]


def test_the_host_comes_before_the_official_ones(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv(mirrors.VARIABLE, raising=False)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian stable main\n")
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d/old.list.save").write_text("deb http://b.example/debian stable main\n")
    assert mirrors.mirrors(apt=tmp_path)[:2] == ["http://a.example/debian", "http://near.example/debian"]
    assert mirrors.mirrors(apt=tmp_path)[2:] == list(mirrors.OFFICIAL)


def test_a_configured_mirror_is_the_only_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(mirrors.VARIABLE, "http://chosen.example/debian/")
    assert mirrors.mirrors(apt=tmp_path) == ["http://chosen.example/debian"]
    assert mirrors.mirrors("https://argument.example/d", apt=tmp_path) == ["https://argument.example/d"]


@pytest.mark.parametrize("bad", ["ftp://x/debian", "debian", "http://", "file:///srv"])
def test_a_mirror_that_is_no_address_is_named(bad: str) -> None:
    with pytest.raises(InvalidConfiguration, match="mirror"):
        mirrors.mirrors(bad)


def test_no_apt_at_all(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv(mirrors.VARIABLE, raising=False)
    assert mirrors.mirrors(apt=tmp_path / "none") == list(mirrors.OFFICIAL)


@given(st.text(max_size=200))
def test_odd_files_are_passed_over(text: str) -> None:
    for found in (mirrors.from_one_line(text), mirrors.from_deb822(text)):
        assert found == []


@given(
    st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), min_size=1, max_size=3, unique=True),
    st.sampled_from(["bookworm", "trixie-updates", "stable", "sid"]),
    st.booleans(),
)
def test_both_formats_agree(hosts: list[str], suite: str, with_options: bool) -> None:
    uris = [f"http://{host}.example/debian" for host in hosts]
    options = "[arch=amd64 trusted=no] " if with_options else ""
    lines = "".join(f"deb {options}{uri} {suite} main contrib\n" for uri in uris)
    stanza = f"Types: deb\nURIs: {' '.join(uris)}\nSuites: {suite}\nComponents: main contrib\n"
    assert mirrors.from_one_line(lines) == mirrors.from_deb822(stanza) == uris
