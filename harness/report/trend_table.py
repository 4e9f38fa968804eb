"""What ``visorbench history`` prints: a line for each run, its median drawn to scale, and what changed between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.counted import counted
from harness.report.changes import sentence
from harness.report.units import interval, scale_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from harness.report.changes import History

TRACK = 25
"""Characters between the smallest and the largest median."""


def print_history(histories: Sequence[History], console: Console | None = None) -> None:
    """Every trend, oldest run first; hosts whose fingerprints differ are never in one."""
    from rich.console import Console as RichConsole  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415

    out = console or RichConsole(highlight=False)
    hosts = {history.trend.host for history in histories}
    for history in histories:
        trend = history.trend
        host = f", host {trend.host[:12]}" if len(hosts) > 1 else ""
        out.print(Text(f"{trend.scenario}/{trend.metric} on {trend.subject}{host}", style="bold"))
        out.print(Text(f"{trend.better} is better; {counted(len(trend.points), 'run')}", style="dim"))
        changes = {change.at: change for change in history.changes}
        for at, line in enumerate(_lines(history)):
            if at in history.unlike:
                out.print(Text(f"  ┄ not the same subject from here on: {history.unlike[at]}", style="dim"))
            if at in changes:
                said = sentence(changes[at], trend.points[at].run, trend.unit, trend.better)
                out.print(Text(f"  ━ {said}", style="green" if said.startswith("better") else "red"))
            out.print(Text(line), soft_wrap=True)
        out.print()
    if len(hosts) > 1:
        out.print(f"{len(hosts)} hosts whose fingerprints differ: each has trends of its own")


def _lines(history: History) -> list[str]:
    trend = history.trend
    medians = [point.median for point in trend.points]
    low, high = min(medians), max(medians)
    scale = scale_for(medians[-1], trend.unit)
    lines = []
    for point in trend.points:
        place = round((point.median - low) / (high - low) * (TRACK - 1)) if high > low else TRACK // 2
        track = "·" * place + "●" + "·" * (TRACK - 1 - place)
        interval_text = interval(point.ci95, point.median, trend.unit)
        lines.append(f"  {point.run:<24} {track} {scale.text(point.median):>10}  {interval_text}")
    return lines
