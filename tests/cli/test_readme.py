"""The README names every command and, as ``--help`` does, every exit code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import errors
from harness.cli.main import COMMANDS, INTERRUPTED

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_list_of_the_readme(command: str) -> None:
    listed = README.partition("## The commands")[2].partition("##")[0]
    assert re.search(rf"(…|visorbench|\|) {command}\b", listed)


def test_every_exit_code_is_in_the_readme_and_in_the_help(command) -> None:
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type))
    codes = {0, INTERRUPTED, *(kind.exit_code for kind in kinds if issubclass(kind, errors.VisorbenchError))}
    for text in (README, command("--help")[1]):
        listed = " ".join(text.partition("Exit codes:")[2].split()).partition(". ")[0]
        assert {int(number) for number in re.findall(r"\b\d+\b", listed)} == codes


def test_no_command_is_cut_short_in_a_list(command) -> None:
    for group in ("frames", "gate"):
        listed = command(group, "--help")[1].partition("Commands:")[2]
        assert listed.strip().endswith(".")
        assert "..." not in listed
