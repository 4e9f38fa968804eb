"""A function called in a process of its own: the memory that its work took is gone with it."""

from __future__ import annotations

import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from harness.host.apart import Apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_R = TypeVar("_R")


class Errand:
    """What the process makes."""

    def run(
        self, progress: Callable[..., None], function: Callable[..., _R], args: tuple[Any, ...], kwargs: Any
    ) -> _R:
        """``function``'s result."""
        return function(*args, progress=progress, **kwargs)

    def call(self, function: Callable[..., _R], args: tuple[Any, ...]) -> _R:
        """``function``'s result."""
        return function(*args)


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


@contextmanager
def beside(purpose: str, function: Callable[..., _R], *args: Any) -> Iterator[Future[_R]]:
    """``function(*args)`` in a process of its own while the body runs; yields its result to come, and waits for it.

    Raises after the body what ``function`` raises, HelperLost, and HostLacks on Windows. A body that raises ends the
    process, and is what is heard of.
    """
    with ThreadPoolExecutor(1) as waits, Apart(Errand, purpose, limit_s=None) as errand:
        result = waits.submit(errand.call, Errand.call, function, args)
        try:
            yield result
            result.result()
        except BaseException:
            errand.end()
            wait([result])
            raise
