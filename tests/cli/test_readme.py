"""The README names every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli.main import COMMANDS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_list_of_the_readme(command: str) -> None:
    listed = README.partition("## The commands")[2].partition("##")[0]
    assert re.search(rf"(…|visorbench|\|) {command}\b", listed)
