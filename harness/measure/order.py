"""In which order several things are measured within a round, so that none always comes first or after the same other.

What runs second finds caches warm, a CPU hot and a page cache full. The rows of a Williams square (Williams,
"Experimental designs balanced for the estimation of residual effects of treatments", *Aust. J. Sci. Res.* A 2, 1949)
put each of k things once in each place, and each once directly after each other one, within k rows for even k and 2 k
for odd k. Two things take turns at going first.

Where the order itself may meet something periodic (a timer of the host, a cache that every second boot empties), it is
drawn: :func:`drawn_order` deals permuted blocks (Zelen, "The randomization and stratification of patients to clinical
trials", *J. Chronic Dis.* 27, 1974), in which both things go first equally often and nobody knows which is next.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

BLOCK = 4
"""Turns in which each of two things goes first twice: a drift of the host meets both alike."""


def turns(things: Sequence[T], round_number: int) -> tuple[T, ...]:
    """The order of ``things`` in this round, of 0, 1, …: a row of the Williams square, over and over."""
    k = len(things)
    rows = k if k % 2 == 0 else 2 * k
    row = round_number % rows if rows else 0
    shift, mirrored = row % k if k else 0, row >= k
    # 0, 1, k-1, 2, k-2, …: every difference between neighbours occurs once.
    zigzag = [(at + 1) // 2 if at % 2 else -(at // 2) for at in range(k)]
    if mirrored:
        zigzag.reverse()
    return tuple(things[(step + shift) % k] for step in zigzag)


def drawn_order(seed: str) -> Iterator[bool]:
    """For each turn, without end, whether the first of two things goes first; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - an order, no secret
    while True:
        block = [True, False] * (BLOCK // 2)
        dice.shuffle(block)
        yield from block
