"""Skips with names: a stable code, the reason, and the sentence that tells the user what would fix it."""

from __future__ import annotations

from typing import NoReturn

from _pytest.outcomes import Skipped  # pytest.skip.Exception, by the name that type checkers can follow


class NamedSkip(Skipped):
    """A scenario that this host cannot run."""

    def __init__(self, code: str, reason: str, fix: str) -> None:
        super().__init__(f"{code}: {reason}" + (f" ({fix})" if fix else ""))
        self.code = code
        self.reason = reason
        self.fix = fix


def skip_scenario(code: str, reason: str, fix: str = "") -> NoReturn:
    """End the running scenario as skipped; ``code`` is a word that scripts may match."""
    raise NamedSkip(code, reason, fix)
