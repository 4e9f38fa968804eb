"""Waiting on a channel of lines, and what it means when nothing comes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.errors import ChannelClosed, NotSeen

if TYPE_CHECKING:
    from harness.channels.lines import LineReader
    from harness.channels.pattern import Line
    from harness.channels.stamp import Stamp

TAIL_LINES = 20


def await_line(
    reader: LineReader, name: str, pattern: str | re.Pattern[str], timeout_s: float, since: int
) -> Line | None:
    """The line; None when the fatal pattern came first. Raises NotSeen, ChannelClosed (facts: awaited, tail)."""
    watch = reader.watch(pattern, since)
    try:
        in_time = watch.done.wait(timeout_s)
    finally:
        reader.unwatch(watch)
    if watch.found:
        return watch.found
    if reader.fatal and reader.fatal[0] >= since:
        return None
    awaited = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
    if in_time:
        raise _closed(reader, name, awaited)
    raise _not_seen(reader, name, awaited, timeout_s)


def await_first_byte(reader: LineReader, name: str, timeout_s: float) -> Stamp:
    """When the first byte came; raises NotSeen, ChannelClosed."""
    in_time = reader.began.wait(timeout_s)
    if reader.first_byte:
        return reader.first_byte
    raise _closed(reader, name, "a byte") if in_time else _not_seen(reader, name, "a byte", timeout_s)


def _closed(reader: LineReader, name: str, awaited: str) -> ChannelClosed:
    return ChannelClosed(
        f"the {name} closed before {awaited!r} appeared", awaited=awaited, tail=reader.tail(TAIL_LINES)
    )


def _not_seen(reader: LineReader, name: str, awaited: str, timeout_s: float) -> NotSeen:
    return NotSeen(
        f"{awaited!r} did not appear on the {name} within {timeout_s:g} s",
        awaited=awaited, timeout_s=timeout_s, tail=reader.tail(TAIL_LINES),
    )  # fmt: skip
