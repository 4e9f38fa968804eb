"""How a reader measures a run again: its command, as a shell takes it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.results.models import Run

HOME = "~/"
"""What stands for the home of whoever measured; a shell knows it unquoted only."""


def command(run: Run) -> str:
    """The recorded command, a bench in nox's session; of a run that has none, as much as its profile says."""
    words = run.run.harness.command
    if not words:
        return f"nox -s bench -- --profile {run.run.profile}"
    if words[:2] == ("visorbench", "bench"):
        words = ("nox", "-s", "bench", "--", *words[2:])
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """The word for a shell, which still finds the home in it."""
    if word.startswith(HOME) and word != HOME:
        return HOME + shlex.quote(word.removeprefix(HOME))
    return shlex.quote(word)
