"""What a process has one of, made when it is first asked for."""

from __future__ import annotations

import threading
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def once(make: Callable[[], T]) -> Callable[[], T]:
    """``make``'s first result, for everybody: threads that ask together wait for the one that makes it.

    :func:`functools.cache` would let each make its own. What ``make`` raises is not kept: who asks next tries again.
    ``make`` must not ask for what it makes.
    """
    lock = threading.Lock()
    made: list[T] = []

    @wraps(make)
    def asked() -> T:
        if not made:
            with lock:
                if not made:
                    made.append(make())
        return made[0]

    return asked
