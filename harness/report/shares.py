"""The plot of a goal: what share of native's speed each subject reaches, beside the shares that are aimed for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.report.canvas import (
    CENTRE,
    CHARACTER_IN,
    WIDTH_IN,
    canvas,
    row_text,
    styled,
    through_strips,
    tick_at,
    to_svg,
    under,
)
from harness.report.svg import ROLES
from harness.report.units import better_text, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.models import Interval

HEAD_IN = 0.2
"""Above the rows: a line of the targets' names."""
LINE_IN = 0.14
"""One more line of them."""


@dataclass(frozen=True, slots=True)
class Share:
    """One row: a subject's speed as a share of its baseline's (1 is as fast), with its 95 % interval."""

    label: str
    value: float
    ci95: Interval | None


def shares(title: str, rows: Sequence[Share], targets: Sequence[tuple[str, float]], *, most: float) -> str:
    """Each subject as a bar from zero with its interval, dashed lines at the ``targets`` (label, share).

    ``most`` is the largest share of any plot that this one is looked at together with: they have the same axis.
    Returns an ``<svg>`` element.
    """
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - slow to import

    end = max(most, 1.0, *(share for _, share in targets)) * 1.08
    places = _places(targets, end)
    with styled(title):
        figure, axes = canvas(len(rows), head_in=HEAD_IN + LINE_IN * max(place.line for place in places))
        axes.set_xlim(0, end)
        for at, row in enumerate(rows):
            _bar(axes, at, row)
            row_text(axes, at, row.label, ratio(row.value, "higher"))
        through_strips(axes, 1, len(rows), role="native")
        for (label, share), place in zip(targets, places, strict=True):
            through_strips(axes, share, len(rows), role="ink")
            _name(axes, label, share, place)
        values = MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(*axes.get_xlim())
        tick_at(axes, values, lambda value: f"{value * 100:.6g}\u202f%")
        under(axes, "native is 100\u202f%", better_text("higher"))
        return to_svg(figure, f"{title}: {better_text('higher')}")


def _bar(axes: Any, at: int, row: Share) -> None:
    centre = at + CENTRE
    axes.barh(centre, row.value, height=0.26, color=ROLES["accent"], alpha=0.45, linewidth=0, zorder=2)
    axes.plot([row.value] * 2, [centre - 0.17, centre + 0.17], color=ROLES["ink"], linewidth=1.6, zorder=4)
    if row.ci95 is not None:
        axes.plot(
            row.ci95, [centre, centre], color=ROLES["accent"], linewidth=2.6, solid_capstyle="butt", zorder=3
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Of a target's name, above its line."""

    line: int
    ends: bool
    """Whether it ends at the target, or begins there."""


def _places(targets: Sequence[tuple[str, float]], end: float) -> list[_Place]:
    """On one line, the lowest target's name before it and the others' after them, so that close ones stay apart; where
    there is no room for that, on lines of their own."""
    ordered = sorted(targets, key=lambda target: target[1])
    at_in = {share: share / end * WIDTH_IN for _, share in targets}
    wide_in = {label: len(label) * CHARACTER_IN for label, _ in targets}
    lowest = ordered[0][1]
    begins_in = [at_in[share] - (wide_in[label] if share == lowest else 0) for label, share in ordered]
    ends_in = [begins + wide_in[label] for begins, (label, _) in zip(begins_in, ordered, strict=True)]
    edges_in = [0.0, *(edge for span in zip(begins_in, ends_in, strict=True) for edge in span), WIDTH_IN]
    if edges_in == sorted(edges_in):
        return [_Place(0, share == lowest) for _, share in targets]
    return [
        _Place(sum(share < other for _, other in targets), at_in[share] >= wide_in[label])
        for label, share in targets
    ]


def _name(axes: Any, label: str, share: float, place: _Place) -> None:
    beside = (-2 if place.ends else 2, 1 + 72 * LINE_IN * place.line)
    axes.annotate(label, (share, 1), beside, xycoords=axes.get_xaxis_transform(),
                  textcoords="offset points", ha="right" if place.ends else "left", va="bottom",
                  color=ROLES["ink"], fontsize=8, annotation_clip=False)  # fmt: skip
