"""The plot of a metric's history: a panel for each trend, a dot for each run, and where its level changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.counted import counted
from harness.report.canvas import styled, to_svg
from harness.report.changes import levels
from harness.report.svg import ROLES
from harness.report.units import quantity, scale_for
from harness.report.words import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.report.changes import History

WIDTH_IN = 6.6
PANEL_IN = 1.9

COLOURS = {
    "ink": ("#16191d", "#e8eaed"), "muted": ("#5b6470", "#9aa4b0"), "line": ("#dfe3e8", "#323840"),
    "page": ("#ffffff", "#14171b"), "accent": ("#0b62b8", "#6db3f5"), "native": ("#8a5a00", "#e0aa4e"),
}  # fmt: skip
"""Role → its colour, light and dark, as the report's style sheet has them."""


def standalone(histories: Sequence[History]) -> str:
    """A file that every browser shows, in light and in dark."""
    svg = plot(histories)
    light, dark = ("".join(f"--{role}:{both[at]};" for role, both in COLOURS.items()) for at in (0, 1))
    style = (
        f"<style>svg{{{light}background:var(--page);font-family:system-ui,sans-serif}}"
        f"@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    )
    head, close, body = svg.partition(">")
    namespace = "" if "xmlns=" in head else ' xmlns="http://www.w3.org/2000/svg"'
    return f"{head}{namespace}{close}{style}{body}\n"


def plot(histories: Sequence[History]) -> str:
    """An ``<svg>`` element for a page of the report: medians with their 95 % intervals, run after run.

    A line lies at the median of each level, a dashed one where it changes, a dotted one where the subject is another.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    metric = histories[0].trend.metric
    title = f"history of {in_words(metric)}"
    with styled(title):
        figure = Figure(figsize=(WIDTH_IN, PANEL_IN * len(histories)), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_visible(False)
        panels = figure.subplots(len(histories), 1, squeeze=False)[:, 0]
        for axes, history in zip(panels, histories, strict=True):
            _panel(axes, history)
        return to_svg(figure, f"{title}: {counted(len(histories), 'trend')}, oldest run at the left")


def _panel(axes: Any, history: History) -> None:
    trend = history.trend
    medians = [point.median for point in trend.points]
    places = range(len(medians))
    for at, point in enumerate(trend.points):
        if point.ci95:
            axes.plot([at, at], point.ci95, color=ROLES["accent"], linewidth=1.6, alpha=0.45, zorder=2)
    axes.plot(places, medians, color=ROLES["accent"], linewidth=0.8, alpha=0.6, zorder=2)
    axes.scatter(places, medians, s=14, color=ROLES["accent"], linewidths=0, zorder=3)
    for at in history.unlike:
        axes.axvline(at - 0.5, color=ROLES["muted"], linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    for first, end, height in levels(history.changes, len(medians)):
        axes.plot([first - 0.4, end - 0.6], [height] * 2, color=ROLES["ink"], linewidth=1.4, zorder=4)
    for change in history.changes:
        axes.axvline(change.at - 0.5, color=ROLES["native"], linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
        share = f"{(change.after / change.before - 1) * 100:+.1f} %" if change.before else "changed"
        axes.annotate(share, (change.at - 0.5, 1), (2, -2), xycoords=("data", "axes fraction"),
                      textcoords="offset points", va="top", color=ROLES["native"], fontsize=8)  # fmt: skip
    _frame(axes, history)


def _frame(axes: Any, history: History) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    trend = history.trend
    axes.patch.set_visible(False)
    better = "lower is better" if trend.better == "lower" else "higher is better"
    axes.set_title(
        f"{trend.scenario}/{trend.metric} on {trend.subject}", loc="left", color=ROLES["ink"], fontsize=9
    )
    axes.set_title(f"{quantity(trend.points[-1].median, trend.unit)} · {better}", loc="right",
                   color=ROLES["muted"], fontsize=8)  # fmt: skip
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("bottom", "left"))
        spine.set_color(ROLES["line"])
    scale = scale_for(max(abs(end) for end in axes.get_ylim()), trend.unit)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value / scale.size:.6g} {scale.name}".rstrip())
    )
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _day(trend.points, at)))
    axes.tick_params(color=ROLES["line"], labelcolor=ROLES["muted"], labelsize=8)


def _day(points: Sequence[Any], at: float) -> str:
    """The date of the run at a place of the axis; nothing between and beyond the runs."""
    return str(points[int(at)].started[:10]) if float(at).is_integer() and 0 <= at < len(points) else ""
