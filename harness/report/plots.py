"""Two pictures, one style: the spread of a metric on every subject, and the phases of a boot.

Matplotlib draws; :mod:`harness.report.svg` gives the picture the page's colours and font. A row is a line of
text (name at the left, median at the right) over its strip, so that a picture needs no margin for names and
can be read on a phone.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.report.svg import ROLES, inline
from harness.report.thinning import thin
from harness.report.units import better_text, quantity, scale_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from harness.results.models import Better, Interval

WIDTH_IN = 4.3
ROW_IN = 0.45
POINTS_PER_PICTURE = 600
POINTS_PER_ROW = 200
LOG_FROM = 5
"""A largest median this many times the smallest is drawn on a logarithmic axis."""

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


@dataclass(frozen=True, slots=True)
class Strip:
    """One row of a spread: a subject's samples, their median and its interval, in the metric's base unit."""

    label: str
    samples: Sequence[float]
    median: float
    ci95: Interval | None
    native: bool = False


@dataclass(frozen=True, slots=True)
class Phases:
    """One row of a timeline: when each phase of a boot ended, in seconds from spawn; not all need be there."""

    label: str
    ends_s: dict[str, float]


def spread(
    title: str, strips: Sequence[Strip], *, unit: str, better: Better, baseline: str = "native"
) -> str:
    """All samples of a metric as dots (thinned when there are many), the middle half as a band, the median as
    a line and its 95 % interval as a bar; the native median as a dashed line. Returns an ``<svg>``
    element."""
    import numpy as np  # noqa: PLC0415 - only the report's own process pays for it

    with _styled(title):
        figure, axes = _canvas(len(strips))
        budget = min(POINTS_PER_ROW, max(20, POINTS_PER_PICTURE // max(1, len(strips))))
        logarithmic = _is_logarithmic(strips)
        if logarithmic:
            axes.set_xscale("log")
        for row, strip in enumerate(strips):
            ordered = np.sort(np.asarray(strip.samples, dtype=np.float64))
            _strip(axes, row, strip, ordered, budget)
            _row_text(axes, row, strip.label, quantity(strip.median, unit), muted=strip.native)
        for strip in strips:
            if strip.native:
                _baseline(axes, strip.median, len(strips))
        _limits(axes, strips, logarithmic=logarithmic)
        _ticks(axes, unit, logarithmic=logarithmic)
        scale = " (log scale)" if logarithmic else ""
        has_baseline = any(strip.native for strip in strips) and len(strips) > 1
        _under(
            axes, f"dashed: {baseline}{scale}" if has_baseline else scale.strip(" ()"), better_text(better)
        )
        return _svg(figure, f"{title}: {better_text(better)}")


def timeline(title: str, rows: Sequence[Phases], order: Sequence[str]) -> str:
    """Each boot as one bar, cut where its phases end; returns an ``<svg>`` element."""
    with _styled(title):
        figure, axes = _canvas(len(rows))
        longest = max(max(row.ends_s.values()) for row in rows)
        for at, row in enumerate(rows):
            start = 0.0
            for phase in (name for name in order if name in row.ends_s):
                end = max(start, row.ends_s[phase])
                colour = ROLES[f"phase-{order.index(phase) % 6 + 1}"]
                axes.barh(at + 0.7, end - start, left=start, height=0.36, color=colour,
                          edgecolor=ROLES["page"], linewidth=0.8)  # fmt: skip
                if end - start > 0.1 * longest:
                    axes.text((start + end) / 2, at + 0.7, quantity(end - start, "s"), color=ROLES["on-phase"],
                              ha="center", va="center_baseline", fontsize=8)  # fmt: skip
                start = end
            _row_text(axes, at, row.label, quantity(start, "s"))
        axes.set_xlim(0, longest * 1.01)
        _ticks(axes, "s", logarithmic=False)
        _under(axes, "from spawn", better_text("lower"))
        return _svg(figure, f"{title}: phases of the boot, {better_text('lower')}")


def _canvas(rows: int) -> tuple[Any, Any]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    foot_in, head_in = 0.5, 0.04
    height = rows * ROW_IN + foot_in + head_in
    figure = Figure(figsize=(WIDTH_IN, height))
    FigureCanvasSVG(figure)
    side = 0.02 / WIDTH_IN  # a tick's text may reach beyond: the page lets it
    axes = figure.add_axes((side, foot_in / height, 1 - 2 * side, rows * ROW_IN / height))
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    axes.set_ylim(rows, 0)
    axes.set_yticks([])
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(ROLES["line"])
    return figure, axes


def _strip(axes: Any, row: int, strip: Strip, ordered: Any, budget: int) -> None:
    import numpy as np  # noqa: PLC0415

    centre, half = row + 0.7, 0.17
    colour = ROLES["native" if strip.native else "accent"]
    if ordered.size >= 5:
        low, high = np.quantile(ordered, (0.25, 0.75))
        axes.fill_betweenx(
            [centre - half, centre + half], low, high, color=ROLES["line"], linewidth=0, zorder=0
        )
    drawn = thin(ordered, budget)
    # A van der Corput sequence spreads neighbours apart, and is the same every time.
    offsets = np.array([_van_der_corput(index + 1) for index in range(drawn.size)]) - 0.5
    axes.scatter(drawn, centre + offsets * 2 * half, s=11, color=colour, alpha=0.5, linewidths=0, zorder=2)
    if strip.ci95 is not None:
        axes.plot(strip.ci95, [centre, centre], color=colour, linewidth=2.6, solid_capstyle="butt", zorder=3)
    axes.plot([strip.median] * 2, [centre - half, centre + half], color=ROLES["ink"], linewidth=1.6, zorder=4)


def _baseline(axes: Any, median: float, rows: int) -> None:
    """Dashed through every strip, but not through the text between them."""
    axes.vlines(
        [median] * rows, [row + 0.49 for row in range(rows)], [row + 0.91 for row in range(rows)],
        color=ROLES["native"], linewidth=1, linestyle=(0, (3, 2)), zorder=1,
    )  # fmt: skip


def _row_text(axes: Any, row: int, label: str, value: str, *, muted: bool = False) -> None:
    place = {"transform": axes.get_yaxis_transform(), "va": "center_baseline"}
    colour = ROLES["muted" if muted else "ink"]
    axes.text(0, row + 0.3, _short(label), ha="left", color=colour, **place)
    axes.text(1, row + 0.3, value, ha="right", color=colour, fontweight="bold", **place)


def _under(axes: Any, left: str, right: str) -> None:
    for x, text, align in ((0, left, "left"), (1, right, "right")):
        axes.annotate(text, (x, 0), (0, -25), xycoords="axes fraction", textcoords="offset points",
                      ha=align, va="center", color=ROLES["muted"], fontsize=8)  # fmt: skip


def _is_logarithmic(strips: Sequence[Strip]) -> bool:
    medians = [strip.median for strip in strips]
    return min(min(strip.samples) for strip in strips) > 0 and max(medians) / min(medians) >= LOG_FROM


def _limits(axes: Any, strips: Sequence[Strip], *, logarithmic: bool) -> None:
    low = min(min(strip.samples) for strip in strips)
    high = max(max(strip.samples) for strip in strips)
    if logarithmic:
        margin = (high / low) ** 0.04
        axes.set_xlim(low / margin, high * margin)
        return
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 1
    axes.set_xlim(low - margin, high + margin)


def _ticks(axes: Any, unit: str, *, logarithmic: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator  # noqa: PLC0415

    low, high = axes.get_xlim()
    if logarithmic:
        decades = math.log10(high / low)
        subs = (1.0, 3.0) if decades < 2.2 else (1.0,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=6))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    scale = scale_for(max(abs(low), abs(high)), unit)

    def label(value: float, _position: int | None) -> str:
        own = scale_for(value, unit) if logarithmic else scale
        return f"{value / own.size:.6g}\u202f{own.name}".rstrip("\u202f")

    axes.xaxis.set_major_formatter(FuncFormatter(label))
    axes.tick_params(axis="x", color=ROLES["line"], labelcolor=ROLES["muted"])


def _styled(title: str) -> AbstractContextManager[None]:
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    settings: Any = {**_STYLE, "svg.hashsalt": title}
    styled: AbstractContextManager[None] = mpl.rc_context(settings)
    return styled  # the salt gives ids that no other picture has, and the same ones every time


def _svg(figure: Any, label: str) -> str:
    stream = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the page has other fonts
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    return inline(stream.getvalue(), label=label)


def _van_der_corput(index: int) -> float:
    """The index-th number of the base-2 low-discrepancy sequence in [0, 1) (van der Corput 1935)."""
    value, step = 0.0, 0.5
    while index:
        value += step * (index & 1)
        index >>= 1
        step /= 2
    return value


def _short(label: str, most: int = 40) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
