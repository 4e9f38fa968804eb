"""Where standard output takes no more, a command says so in a sentence and fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from harness.cli.main import main; main()"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "argv", [("runtime", "list"), ("runtime", "list", "--json"), ("--version",), ("--help",)]
)
def test_a_full_disk_behind_it_is_one_sentence(argv: tuple[str, ...], unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *argv], check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "visorbench: cannot write to standard output: No space left on device",
        "  make room there, or send the output elsewhere",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell closes it")
def test_a_standard_output_that_is_closed_is_no_failure() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "runtime", "list"],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_elsewhere_is_not_called_that_of_standard_output() -> None:
    program = """if True:
        import click, errno, harness.cli.main as main
        @main.cli.command()
        def failing():
            raise OSError(errno.ENOSPC, "of another file")
        main.COMMANDS["failing"] = ("__main__:failing", "")
        main.main(["failing"])
    """
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "of another file" in done.stderr
    assert "standard output" not in done.stderr
