"""Two plots of few samples: the spread of a metric on every subject, and the phases of a boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.report.canvas import (
    CENTRE,
    canvas,
    limits,
    row_text,
    styled,
    through_strips,
    ticks,
    to_svg,
    under,
)
from harness.report.svg import ROLES
from harness.report.thinning import thin
from harness.report.units import better_text, quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.models import Better, Interval

POINTS_PER_PICTURE = 600
POINTS_PER_ROW = 200
LOG_FROM = 5
"""A largest median this many times the smallest is drawn on a logarithmic axis."""


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

    with styled(title):
        figure, axes = canvas(len(strips))
        budget = min(POINTS_PER_ROW, max(20, POINTS_PER_PICTURE // max(1, len(strips))))
        low = min(min(strip.samples) for strip in strips)
        high = max(max(strip.samples) for strip in strips)
        logarithmic = wants_logarithm(low, [strip.median for strip in strips])
        limits(axes, low, high, logarithmic=logarithmic)
        for row, strip in enumerate(strips):
            ordered = np.sort(np.asarray(strip.samples, dtype=np.float64))
            _strip(axes, row, strip, ordered, budget)
            row_text(axes, row, strip.label, quantity(strip.median, unit), muted=strip.native)
        for strip in strips:
            if strip.native:
                through_strips(axes, strip.median, len(strips), role="native")
        ticks(axes, unit, logarithmic=logarithmic)
        scale = " (log scale)" if logarithmic else ""
        has_baseline = any(strip.native for strip in strips) and len(strips) > 1
        under(axes, f"dashed: {baseline}{scale}" if has_baseline else scale.strip(" ()"), better_text(better))
        return to_svg(figure, f"{title}: {better_text(better)}")


def timeline(title: str, rows: Sequence[Phases], order: Sequence[str]) -> str:
    """Each boot as one bar, cut where its phases end; returns an ``<svg>`` element."""
    with styled(title):
        figure, axes = canvas(len(rows))
        longest = max(max(row.ends_s.values()) for row in rows)
        for at, row in enumerate(rows):
            start = 0.0
            for phase in (name for name in order if name in row.ends_s):
                end = max(start, row.ends_s[phase])
                colour = ROLES[f"phase-{order.index(phase) % 6 + 1}"]
                axes.barh(at + CENTRE, end - start, left=start, height=0.36, color=colour,
                          edgecolor=ROLES["page"], linewidth=0.8)  # fmt: skip
                if end - start > 0.1 * longest:
                    axes.text((start + end) / 2, at + CENTRE, quantity(end - start, "s"), color=ROLES["on-phase"],
                              ha="center", va="center_baseline", fontsize=8)  # fmt: skip
                start = end
            row_text(axes, at, row.label, quantity(start, "s"))
        axes.set_xlim(0, longest * 1.01)
        ticks(axes, "s", logarithmic=False)
        under(axes, "from spawn", better_text("lower"))
        return to_svg(figure, f"{title}: phases of the boot, {better_text('lower')}")


def wants_logarithm(low: float, medians: Sequence[float]) -> bool:
    """Whether medians are so far apart, and all samples positive, that equal steps should be equal factors."""
    return low > 0 and max(medians) / min(medians) >= LOG_FROM


def _strip(axes: Any, row: int, strip: Strip, ordered: Any, budget: int) -> None:
    import numpy as np  # noqa: PLC0415

    centre, half = row + CENTRE, 0.17
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


def _van_der_corput(index: int) -> float:
    """The index-th number of the base-2 low-discrepancy sequence in [0, 1) (van der Corput 1935)."""
    value, step = 0.0, 0.5
    while index:
        value += step * (index & 1)
        index >>= 1
        step /= 2
    return value
