"""A function called in a process of its own: the memory that its work took is gone with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from harness.host.apart import Apart

if TYPE_CHECKING:
    from collections.abc import Callable

_R = TypeVar("_R")


class Errand:
    """What the process makes."""

    def run(
        self, progress: Callable[..., None], function: Callable[..., _R], args: tuple[Any, ...], kwargs: Any
    ) -> _R:
        """``function``'s result."""
        return function(*args, progress=progress, **kwargs)


def run_apart(
    purpose: str, function: Callable[..., _R], progress: Callable[..., None], *args: Any, **kwargs: Any
) -> _R:
    """``function(*args, progress=progress, **kwargs)``, all of which crosses over; ``progress`` is called here.

    Raises what ``function`` raises, and HelperLost. On Windows it is called in this process.
    """
    if sys.platform == "win32":
        return Errand().run(progress, function, args, kwargs)
    with Apart(Errand, purpose, limit_s=None) as errand:
        return errand.hear(progress, Errand.run, function, args, kwargs)
