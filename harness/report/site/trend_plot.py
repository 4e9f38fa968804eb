"""The plot of a line of a trend: medians joined, their 95 % intervals as a band, where its level and where the subject
changed.

Drawn without matplotlib, which takes a tenth of a second for each: one more run redraws every trend that it belongs
to. Lengths are those of the view box; classes are in ``site.css``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from harness.counted import counted
from harness.report.changes import levels
from harness.report.units import better_text, scale_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.measure.change_points import ChangePoint
    from harness.report.site.trends import Line, Point

    _Across = Callable[[float], float]
    _Down = Callable[[float], float]

WIDTH, HEIGHT = 680.0, 210.0
LEFT, RIGHT, TOP, BOTTOM = 96.0, 8.0, 22.0, 26.0
DOTS_MAX = 120
"""More points than these are a line without dots."""
CHANGES_NAMED = 4
"""Of the changes of a subject, the newest have their names in the plot; the table has all."""
CHARACTER = 6.0
"""The width of one in the plot, about."""
SPARK_POINTS = 40
SPARK_WIDTH, SPARK_HEIGHT = 110.0, 22.0


def plot(line: Line, title: str, changes: Sequence[ChangePoint]) -> Markup:
    """An ``<svg>`` element that ``title`` describes; ``changes`` are those of the line's level."""
    low, high = _range(line.points)
    ticks = _ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    scale = scale_for(max(abs(low), abs(high)), line.unit)

    def across(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at + 0.5) / len(line.points)

    def down(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    parts = [_grid(down(tick), scale.text(tick, like=high)) for tick in ticks]
    parts += [_band(line.points, across, down), _other_subjects(line.points, across)]
    parts.append(
        f'<path class="medians" d="{_path((across(at), down(p.median)) for at, p in enumerate(line.points))}"/>'
    )
    if len(line.points) <= DOTS_MAX:
        parts += [_dot(point, across(at), down(point.median)) for at, point in enumerate(line.points)]
    parts.append(_levels(changes, len(line.points), across, down))
    parts.append(_text(LEFT, HEIGHT - 6, "start", line.points[0].run["shown"][:10]))
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 6, "end", line.points[-1].run["shown"][:10]))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "middle", "run after run →"))
    parts.append(_text(LEFT, 10, "start", better_text(line.better).replace("←", "↓").replace("→", "↑")))
    label = f"{title}: {counted(len(line.points), 'run')}, the newest {line.points[-1].shown}; "
    label += "the table below has the numbers"
    return Markup('<svg class="trend" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        int(WIDTH),
        int(HEIGHT),
        label,
        Markup("".join(parts)),  # noqa: S704 - numbers, and text that _text escaped
    )


def spark(line: Line) -> Markup:
    """The newest medians as a line no higher than text; the numbers beside it say what it means."""
    points = line.points[-SPARK_POINTS:]
    values = [point.median for point in points]
    low, high = min(values), max(values)
    span = high - low or 1.0

    def place(at: int, value: float) -> tuple[float, float]:
        x = 2 + (SPARK_WIDTH - 4) * (at + 0.5) / len(points)
        return x, SPARK_HEIGHT / 2 if high == low else 2 + (SPARK_HEIGHT - 4) * (high - value) / span

    places = [place(at, value) for at, value in enumerate(values)]
    x, y = places[-1]
    return Markup(  # noqa: S704 - numbers alone
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH:.0f} {SPARK_HEIGHT:.0f}" aria-hidden="true">'
        f'<path class="medians" d="{_path(places)}"/><circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2"/></svg>'
    )


def _range(points: Sequence[Point]) -> tuple[float, float]:
    """From the lowest to the highest end of an interval, where no single interval is most of the plot."""
    medians = [point.median for point in points]
    span = max(medians) - min(medians) or abs(medians[0]) * 0.1 or 1.0
    ends = [end for point in points for end in point.ci95 or ()]
    low = max(min([*medians, *ends]), min(medians) - span)
    high = min(max([*medians, *ends]), max(medians) + span)
    return (low, high) if high > low else (low - span, high + span)


def _ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers that reach over the range: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [at * step for at in range(first, last + 1)]


def _grid(y: float, text: str) -> str:
    return f'<path class="grid" d="M{LEFT:.0f} {y:.1f}H{WIDTH - RIGHT:.0f}"/>{_text(LEFT - 8, y + 3.5, "end", text)}'


def _band(points: Sequence[Point], across: _Across, down: _Down) -> str:
    """Every stretch of points that have an interval."""
    bands, stretch = [], []
    for at, point in [*enumerate(points), (len(points), None)]:
        if point is not None and point.ci95:
            stretch.append((across(at), *map(down, point.ci95)))
            continue
        if stretch:
            edge = [(x, high) for x, _, high in stretch] + [(x, low) for x, low, _ in reversed(stretch)]
            bands.append(f'<path class="band" d="{_path(edge)}Z"/>')
        stretch = []
    return "".join(bands)


def _other_subjects(points: Sequence[Point], across: _Across) -> str:
    """A dotted line where the subject became another one, and what it became at its foot."""
    changed = [(across(at - 0.5), point.changed[:32]) for at, point in enumerate(points) if point.changed]
    named = changed[-CHANGES_NAMED:]
    return "".join(
        _upright("other-subject", x, HEIGHT - BOTTOM - 5, text if _has_room(x, named) else "")
        for x, text in changed
    )


def _has_room(x: float, named: Sequence[tuple[float, str]]) -> bool:
    """Whether the name of the change at ``x`` is one of those, and runs into none of the others."""
    ends = {other: _reach(other, told) for other, told in named}
    if x not in ends:
        return False
    low, high = ends.pop(x)
    return all(high < other_low or other_high < low for other_low, other_high in ends.values())


def _reach(x: float, text: str) -> tuple[float, float]:
    """From where to where a name beside an upright line reaches, that line included."""
    width = 4 + CHARACTER * len(text)
    return (x - width, x) if _is_right(x) else (x, x + width)


def _levels(changes: Sequence[ChangePoint], end: int, across: _Across, down: _Down) -> str:
    """A line at the median of each level, a dashed one where the level changed, and by how much at its head."""
    parts = [
        f'<path class="level" d="M{across(first - 0.4):.1f} {down(height):.1f}H{across(after - 0.6):.1f}"/>'
        for first, after, height in levels(changes, end)
    ]
    for change in changes:
        share = f"{(change.after / change.before - 1) * 100:+.1f} %" if change.before else "changed"
        parts.append(_upright("level-changed", across(change.at - 0.5), TOP + 9, share))
    return "".join(parts)


def _upright(name: str, x: float, y: float, text: str) -> str:
    """A line from top to bottom, with a text beside it at the height ``y``."""
    right = _is_right(x)
    told = _text(x - 4 if right else x + 4, y, "end" if right else "start", text) if text else ""
    return f'<path class="{name}" d="M{x:.1f} {TOP:.0f}V{HEIGHT - BOTTOM:.0f}"/>{told}'


def _is_right(x: float) -> bool:
    """Whether what is said beside ``x`` stands to its left."""
    return x > WIDTH * 0.6


def _dot(point: Point, x: float, y: float) -> str:
    told = escape(f"{point.run['shown']}: {point.shown}")
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.6"><title>{told}</title></circle>'


def _path(places: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
