"""Which of two kernels is newer, by the names that distributions give them."""

from __future__ import annotations

import re
from functools import cmp_to_key

_TOKEN = re.compile(r"[0-9]+|[a-zA-Z]+|[~^.-]")
_SEPARATORS = "~-^."
"""From the oldest: what follows ``~`` comes before the end, the others after it."""


def compare(left: str, right: str) -> int:
    """Negative where ``left`` is older, 0 where they are alike, positive where it is newer.

    Rules: UAPI.10, "Version Format Specification": numbers as numbers, a number is newer than a word, and a
    character that is none of ``[a-zA-Z0-9~^.-]`` only separates.
    """
    lefts, rights = _TOKEN.findall(left), _TOKEN.findall(right)
    for ours, theirs in zip(lefts, rights, strict=False):
        if ours != theirs and (order := _compare_tokens(ours, theirs)):
            return order
    return _end(lefts[len(rights) :]) - _end(rights[len(lefts) :])


newest_first = cmp_to_key(lambda left, right: compare(str(right), str(left)))
"""A key for :func:`sorted`."""


def _compare_tokens(left: str, right: str) -> int:
    ours, theirs = _rank(left), _rank(right)
    if ours != theirs:
        return ours - theirs
    if left.isdigit():
        one, other = left.lstrip("0"), right.lstrip("0")
        return _sign(f"{len(one):9}{one}", f"{len(other):9}{other}")
    return _sign(left, right)


def _rank(token: str) -> int:
    if token in _SEPARATORS:
        return _SEPARATORS.index(token)
    return len(_SEPARATORS) + token.isdigit()


def _sign(left: str, right: str) -> int:
    return (left > right) - (left < right)


def _end(more: list[str]) -> int:
    """What a version is that goes on where the other ends."""
    return 0 if not more else -1 if more[0] == "~" else 1
