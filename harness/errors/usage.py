"""The request itself is wrong: exit 2."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from harness.counted import counted
from harness.errors.base import VisorbenchError

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a typo most likely meant, or None."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None


MOST_SHOWN = 40
"""Of more known names than these, a message shows the SHOWN_OF_MANY nearest: a QEMU has hundreds of devices."""
SHOWN_OF_MANY = 8


class UsageError(VisorbenchError):
    """The request itself is wrong."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that nobody registered; facts: kind, name, known."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str | None = None) -> None:
        names = sorted(known)
        shown = (
            names if len(names) <= MOST_SHOWN else difflib.get_close_matches(name, names, SHOWN_OF_MANY, 0)
        )
        others = f" and {counted(len(names) - len(shown), 'other')}" if len(shown) < len(names) else ""
        guess = nearest(name, names)
        place = f" in {where}" if where else ""
        fix = f"did you mean {guess!r}? " if guess else ""
        super().__init__(
            f"unknown {kind} {name!r}{place}",
            fix=f"{fix}known: {', '.join(shown) or 'none'}{others}",
            kind=kind, name=name, known=names,
        )  # fmt: skip


class InvalidConfiguration(UsageError):
    """A value that does not fit, found before anything was started."""


class ResultsUnusable(UsageError):
    """A file is not the results.json of a run, or no longer what the run wrote; facts: path."""


class BaselineUnusable(ResultsUnusable):
    """So is what a run is to be compared with, or it holds no samples."""


class UnlikeRuns(UsageError):
    """Two runs that are not alike besides their numbers; facts: unlike, the sentences that say what differs."""


class RunIncomplete(UsageError):
    """A run that was interrupted is not compared unless that is asked for; facts: run."""


class ScenarioUnreadable(UsageError):
    """A file of scenarios is not Python that can be imported."""
