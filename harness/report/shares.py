"""The plot of a goal: what share of native's speed each subject reaches, beside the shares that are aimed for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.report.canvas import CENTRE, WIDTH_IN, canvas, row_text, styled, through_strips, to_svg, under
from harness.report.svg import ROLES
from harness.report.units import better_text, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.models import Interval

HEAD_IN = 0.2
"""Above the rows: a line of the targets' names."""
LINE_IN = 0.14
"""One more line of them."""
_CHARACTER_IN = 0.06
"""Of a name, about: the page chooses the font."""


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
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415 - slow to import

    end = max(most, 1.0, *(share for _, share in targets)) * 1.08
    lines = _lines(targets, end)
    with styled(title):
        figure, axes = canvas(len(rows), head_in=HEAD_IN + LINE_IN * max(lines))
        axes.set_xlim(0, end)
        for at, row in enumerate(rows):
            _bar(axes, at, row)
            row_text(axes, at, row.label, ratio(row.value, "higher"))
        through_strips(axes, 1, len(rows), role="native")
        lowest = min(share for _, share in targets)
        for (label, share), line in zip(targets, lines, strict=True):
            through_strips(axes, share, len(rows), role="ink")
            _name(axes, label, share, line, before=share == lowest or any(lines))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value * 100:.6g}\u202f%"))
        axes.tick_params(axis="x", color=ROLES["line"], labelcolor=ROLES["muted"])
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


def _lines(targets: Sequence[tuple[str, float]], end: float) -> list[int]:
    """On which line each target's name is: all on one where the names after the lowest do not reach beyond the plot."""
    _, *others = sorted(targets, key=lambda target: target[1])
    if all(share / end * WIDTH_IN + len(label) * _CHARACTER_IN <= WIDTH_IN for label, share in others):
        return [0] * len(targets)
    return [sum(share < other for _, share in targets) for _, other in targets]


def _name(axes: Any, label: str, share: float, line: int, *, before: bool) -> None:
    """Above the line: the lowest target's name ends there, another's begins, so that close ones stay apart; on lines of
    their own all end there."""
    beside = (-2 if before else 2, 1 + 72 * LINE_IN * line)
    axes.annotate(label, (share, 1), beside, xycoords=axes.get_xaxis_transform(),
                  textcoords="offset points", ha="right" if before else "left", va="bottom",
                  color=ROLES["ink"], fontsize=8, annotation_clip=False)  # fmt: skip
