"""The plot of many samples: their distribution on every subject, with the tail that a median does not show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.report.canvas import CENTRE, canvas, limits, row_text, styled, ticks, to_svg, under
from harness.report.plots import LOG_FROM
from harness.report.svg import ROLES
from harness.report.thinning import thin
from harness.report.units import better_text, scale_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from harness.results.models import Better

MANY = 200
"""More samples than this are a shape; as many or fewer are dots."""
BINS = 140
"""Of a shape, over the whole axis: about one for each three pixels of a page."""
TAIL_POINTS = 40

_HALF = 0.2
_TAIL_HALF = 0.14


@dataclass(frozen=True, slots=True)
class Shape:
    """One row: a subject's samples, and the order statistics that are marked; in the metric's base unit."""

    label: str
    samples: Sequence[float]
    median: float
    p95: float
    p99: float
    native: bool = False


def distributions(title: str, shapes: Sequence[Shape], *, unit: str, better: Better) -> str:
    """Each subject's samples as a shape whose height is their density (all samples, in BINS bins, each shape with
    the same greatest height), lines at median, p95 and p99, and dots, thinned by rank, for those beyond p99.
    Returns an ``<svg>`` element.
    """
    with styled(title):
        figure, axes = canvas(len(shapes))
        ordered = [np.sort(np.asarray(shape.samples, dtype=np.float64)) for shape in shapes]
        low, high = min(values[0] for values in ordered), max(values[-1] for values in ordered)
        medians = [shape.median for shape in shapes]
        logarithmic = bool(low > 0 and max(high / max(medians), max(medians) / min(medians)) >= LOG_FROM)
        limits(axes, low, high, logarithmic=logarithmic)
        for row, (shape, values) in enumerate(zip(shapes, ordered, strict=True)):
            _shape(axes, row, shape, values, logarithmic=logarithmic)
            scale = scale_for(shape.median, unit)
            marked = " · ".join(scale.number(value, like=shape.median) for value in (shape.median, shape.p95))
            row_text(axes, row, shape.label, f"{marked} · {scale.text(shape.p99, like=shape.median)}",
                     muted=shape.native)  # fmt: skip
        _tails(axes, shapes, ordered)
        _marks(axes, shapes)
        ticks(axes, unit, logarithmic=logarithmic)
        under(axes, f"median · p95 · p99{' (log scale)' if logarithmic else ''}", better_text(better))
        return to_svg(figure, f"{title}: distribution, {better_text(better)}")


def _shape(axes: Any, row: int, shape: Shape, ordered: NDArray[np.float64], *, logarithmic: bool) -> None:
    from matplotlib.patches import StepPatch  # noqa: PLC0415 - slow to import

    centre = row + CENTRE
    edges = _edges(*axes.get_xlim(), logarithmic=logarithmic)
    counts, _ = np.histogram(ordered, edges)
    filled = np.flatnonzero(counts)
    first, end = filled[0], filled[-1] + 1
    heights = _HALF * counts[first:end] / counts.max()
    lower: Any = centre - heights  # an array, which matplotlib takes and its stub does not
    # add_artist, where axes.stairs would look through every corner for limits that are known
    axes.add_artist(StepPatch(centre + heights, edges[first : end + 1], baseline=lower,
                              color=_colour(shape), alpha=0.45, linewidth=0, zorder=2))  # fmt: skip


def _tails(axes: Any, shapes: Sequence[Shape], ordered: Sequence[NDArray[np.float64]]) -> None:
    """Dots beyond p99: one collection for all rows, as each costs matplotlib as much as its dots."""
    rows = zip(shapes, ordered, strict=True)
    beyond = [thin(values[values > shape.p99], TAIL_POINTS) for shape, values in rows]
    counts = [dots.size for dots in beyond]
    colours = np.repeat([_colour(shape) for shape in shapes], counts)
    axes.scatter(np.concatenate(beyond), np.repeat(_centres(len(shapes)), counts), s=7, color=colours, alpha=0.7,
                 linewidths=0, zorder=3)  # fmt: skip


def _marks(axes: Any, shapes: Sequence[Shape]) -> None:
    """Lines at median, p95 and p99."""
    at = np.array([(shape.median, shape.p95, shape.p99) for shape in shapes]).ravel()
    centres = np.repeat(_centres(len(shapes)), 3)
    reach = np.tile((_HALF, _TAIL_HALF, _TAIL_HALF), len(shapes))
    axes.vlines(at, centres - reach, centres + reach, color=ROLES["ink"], linewidth=(1.6, 1.1, 1.1), zorder=4)


def _centres(rows: int) -> NDArray[np.float64]:
    centres: NDArray[np.float64] = np.arange(rows, dtype=np.float64) + CENTRE
    return centres


def _colour(shape: Shape) -> str:
    return ROLES["native" if shape.native else "accent"]


def _edges(low: float, high: float, *, logarithmic: bool) -> NDArray[np.float64]:
    return np.geomspace(low, high, BINS + 1) if logarithmic else np.linspace(low, high, BINS + 1)
