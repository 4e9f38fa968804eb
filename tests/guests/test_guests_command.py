"""``visorbench guests`` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.fixture
def visorbench(cache):
    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from harness.cli.main import main; main()", *argv]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_list(visorbench) -> None:
    guests = json.loads(visorbench("guests", "list", "--json").stdout)
    assert {(guest["name"], guest["arch"], guest["built"]) for guest in guests} >= {
        ("tiny", "arm64", False),
        ("tiny", "x86-64", False),
    }
    assert "not built" in visorbench("guests", "list").stdout


def test_show(visorbench) -> None:
    shown = visorbench("guests", "show", "tiny", "--arch", "arm64")
    assert "visorbench guests build tiny --arch arm64" in shown.stdout


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["show", "tinny"], "did you mean 'tiny'"),
        (["build", "tiny", "--arch", "arm46"], "did you mean 'arm64'"),
        (["build", "tiny", "--mirror", "nonsense"], "not an http(s) address"),
    ],
)
def test_mistakes_exit_2(visorbench, argv: list[str], said: str) -> None:
    done = visorbench("guests", *argv)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", [["--offline"], ["--mirror", "http://127.0.0.1:9/debian"]])
def test_no_network_exits_3(visorbench, how: list[str]) -> None:
    done = visorbench("guests", "build", "tiny", "--arch", "arm64", *how)
    assert done.returncode == 3
    assert "VISORBENCH_MIRROR" in done.stderr


def test_clean_with_nothing_to_clean(visorbench) -> None:
    assert visorbench("guests", "clean").stdout == "nothing to remove\n"
