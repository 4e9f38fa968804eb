"""``--open``: the browser is the desktop's, and where there is none the page is named, and nothing else is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.cli.browser import open_page
from harness.errors import ToolMissing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no program opens pages there")
OPENER = "open" if sys.platform == "darwin" else "xdg-open"


@pytest.fixture
def opener(tmp_path, monkeypatch):
    """Put a desktop's program in place, of a shell's words; without any there is none."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(words: str) -> None:
        program = tmp_path / OPENER
        program.write_text(f"#!/bin/sh\n{words}\n")
        program.chmod(0o755)

    return put


@pytest.mark.parametrize("words", [None, "echo no method available; echo for $1 >&2; exit 3"])
def test_without_a_browser_the_page_is_named(tmp_path, opener, capfd, words) -> None:
    if words:
        opener(words)
    with pytest.raises(ToolMissing) as refused:
        open_page(tmp_path / "a page, ü.html")
    assert str(tmp_path / "a page, ü.html") in refused.value.fix
    assert capfd.readouterr() == ("", "")


def test_a_browser_is_given_the_page(tmp_path, opener, capfd, monkeypatch) -> None:
    opener(f'echo noise; echo "$1" >"{tmp_path}/given"')
    monkeypatch.chdir(tmp_path)
    open_page(Path("a page, ü.html"))
    assert (tmp_path / "given").read_text() == f"{tmp_path}/a page, ü.html\n"
    assert capfd.readouterr() == ("", "")
