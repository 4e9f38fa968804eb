"""How a reader measures or reports a run again: a command, as a shell takes it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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


def command_on_run(command: str, *, reports: Path | None, store: str | None) -> str:
    """``visorbench`` and a command on a run, with where it lies and is stored; None: where that is by itself.

    The URL of a store that holds a password is left out.
    """
    from harness.results.store_engine import shown  # noqa: PLC0415 - sqlalchemy

    words = ["visorbench", *command.split()]
    words += ["--reports", str(reports)] if reports else []
    words += ["--store", store] if store and shown(store) == store else []
    return shlex.join(words)


def _quoted(word: str) -> str:
    """The word for a shell, which still finds the home in it."""
    if word.startswith(HOME) and word != HOME:
        return HOME + shlex.quote(word.removeprefix(HOME))
    return shlex.quote(word)
