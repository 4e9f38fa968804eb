"""What every plot is drawn on: matplotlib's canvas with the page's colours and font, and rows that a phone can show.

Matplotlib draws; :mod:`harness.report.svg` gives the plot the page's colours and font. A row is a line of
text (name at the left, number at the right) over its strip, so that a plot needs no margin for names.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import TYPE_CHECKING, Any

from harness.report.svg import ROLES, inline
from harness.report.units import scale_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

WIDTH_IN = 4.3
ROW_IN = 0.45
FOOT_IN = 0.5
CHARACTER_IN = 0.066
"""Of small text, about: the page chooses the font."""
_ROUNDING = 1e-6
"""Of an axis: a locator's number may lie so far beyond an end that it means."""
CENTRE = 0.7
"""Of a row's height: where its strip's middle is, below the text."""

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: selectable, in the page's font
    "font.size": 9,
    "axes.linewidth": 0.7,
    "xtick.labelsize": 8,
    "xtick.major.size": 3,
    "xtick.major.width": 0.7,
    "path.simplify": False,
    "text.parse_math": False,  # a dollar in a guest's name is a dollar
}


def styled(title: str) -> AbstractContextManager[None]:
    """The style of every plot; ``title`` is its own, and makes the ids in it unlike those of any other."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    settings: Any = {**_STYLE, "svg.hashsalt": title}
    style: AbstractContextManager[None] = mpl.rc_context(settings)
    return style  # the salt gives ids that no other plot has, and the same ones every time


def canvas(rows: int, *, head_in: float = 0.04) -> tuple[Any, Any]:
    """A figure and axes whose y runs from 0 at the top to ``rows``, with ``head_in`` above for words."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    height = rows * ROW_IN + FOOT_IN + head_in
    figure = Figure(figsize=(WIDTH_IN, height))
    FigureCanvasSVG(figure)
    side = 0.02 / WIDTH_IN
    axes = figure.add_axes((side, FOOT_IN / height, 1 - 2 * side, rows * ROW_IN / height))
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    axes.set_ylim(rows, 0)
    axes.set_yticks([])
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(ROLES["line"])
    return figure, axes


def row_text(axes: Any, row: int, label: str, value: str, *, muted: bool = False) -> None:
    """The line of text over a strip."""
    place = {"transform": axes.get_yaxis_transform(), "va": "center_baseline"}
    colour = ROLES["muted" if muted else "ink"]
    axes.text(0, row + 0.3, _short(label), ha="left", color=colour, **place)
    axes.text(1, row + 0.3, value, ha="right", color=colour, fontweight="bold", **place)


def through_strips(axes: Any, value: float, rows: int, *, role: str) -> None:
    """A dashed line at ``value`` through every strip, but not through the text between them."""
    axes.vlines(
        [value] * rows, [row + 0.49 for row in range(rows)], [row + 0.91 for row in range(rows)],
        color=ROLES[role], linewidth=1, linestyle=(0, (3, 2)), zorder=1,
    )  # fmt: skip


def under(axes: Any, left: str, right: str) -> None:
    """What is said below the axis, at both ends."""
    for x, text, align in ((0, left, "left"), (1, right, "right")):
        axes.annotate(text, (x, 0), (0, -25), xycoords="axes fraction", textcoords="offset points",
                      ha=align, va="center", color=ROLES["muted"], fontsize=8)  # fmt: skip


def limits(axes: Any, low: float, high: float, *, logarithmic: bool) -> None:
    """The axis from a little below ``low`` to a little above ``high``."""
    if logarithmic:
        axes.set_xscale("log")
        margin = (high / low) ** 0.04
        axes.set_xlim(low / margin, high * margin)
        return
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 1
    axes.set_xlim(low - margin, high + margin)


def ticks(axes: Any, unit: str, *, logarithmic: bool) -> None:
    """A few numbers at the axis, in units of a size that suits them."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator  # noqa: PLC0415

    low, high = axes.get_xlim()
    locator: Any = MaxNLocator(nbins=4, steps=[1, 2, 5, 10])
    if logarithmic:
        locator = LogLocator(subs=(1.0, 3.0) if math.log10(high / low) < 2.2 else (1.0,), numticks=6)
        axes.xaxis.set_minor_locator(NullLocator())
    scale = scale_for(max(abs(low), abs(high)), unit)

    def text(value: float) -> str:
        own = scale_for(value, unit) if logarithmic else scale
        return f"{value / own.size:.6g}\u202f{own.name}".rstrip("\u202f")

    tick_at(axes, locator.tick_values(low, high), text)


def tick_at(axes: Any, values: Iterable[float], text: Callable[[float], str]) -> None:
    """Ticks at those of the values that are on the axis, their texts within the plot and none over another."""
    low, high = axes.get_xlim()
    place = axes.transData - axes.transAxes
    shares = {value: place.transform((value, 0))[0] for value in values}
    shown = {
        value: min(max(share, 0), 1) for value, share in shares.items() if abs(share - 0.5) <= 0.5 + _ROUNDING
    }
    labels = apart([text(value) for value in shown], [WIDTH_IN * share for share in shown.values()])
    axes.set_xticks([min(max(value, low), high) for value in shown], [label for label, _ in labels])
    for drawn, (_, align) in zip(axes.get_xticklabels(), labels, strict=True):
        drawn.set_horizontalalignment(align)
    axes.tick_params(axis="x", color=ROLES["line"], labelcolor=ROLES["muted"])


def apart(texts: Sequence[str], at_in: Sequence[float]) -> list[tuple[str, str]]:
    """The texts of ticks that are so many inches from the left, those that would lie on the one before them empty, and
    how each is aligned so that it ends where the plot does."""
    found, free_in = [], 0.0
    for text, at in zip(texts, at_in, strict=True):
        width = len(text) * CHARACTER_IN
        align = "left" if at < width / 2 else "right" if at > WIDTH_IN - width / 2 else "center"
        left = at - width * {"left": 0, "center": 0.5, "right": 1}[align]
        fits = left >= free_in
        if fits:
            free_in = left + width + CHARACTER_IN
        found.append((text if fits else "", align))
    return found


def to_svg(figure: Any, label: str) -> str:
    """The plot as an ``<svg>`` element that is described by ``label``."""
    stream = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the page has other fonts
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    return inline(stream.getvalue(), label=label)


def _short(label: str, most: int = 40) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
