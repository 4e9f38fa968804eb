"""The key metrics of a run in a terminal: as many subjects beside each other as fit, the others in a table below."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from harness.report import units
from harness.report.guest_text import plain
from harness.report.words import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from harness.report.key_table import KeyMetric, KeyTable
    from harness.results.models import Series

INTERVALS_FOR = 2
"""Subjects whose intervals fit beside each other in 80 columns; for more, the page has them."""
_HIGHER = "↑"
"""Ends the name of a metric of which higher is better; of the others, lower is."""
_NAME_WIDTHS = 14, 34
"""Of a metric's name: at least, and at most in one line; a longer one goes on in the next."""
_HEADING_WIDTH_MIN = 10
_INDENT = 2
_GAP = 1


@dataclass(frozen=True, slots=True)
class _Column:
    """A heading, which is broken at spaces and hyphens, and a cell for every row, which never is."""

    heading: str
    cells: tuple[str, ...]
    style: str = ""

    @property
    def width(self) -> int:
        pieces = self.heading.replace("-", "- ").split()
        return max(_HEADING_WIDTH_MIN, *map(len, pieces), *map(len, self.cells))


def key_tables(key: KeyTable, names: dict[str, str], width: int) -> Iterator[Table]:
    """Tables of ``width`` columns that name every metric: one, or more where the subjects do not fit in one; none where
    there is no metric."""
    if not key.rows:
        return
    with_interval = len(key.subjects) <= INTERVALS_FOR
    columns = [
        _Column(
            plain(names[subject.id]),
            tuple(_cell(row.cells[at], with_interval=with_interval) for row in key.rows),
        )
        for at, subject in enumerate(key.subjects)
    ]
    natives = tuple(
        units.quantity(row.native.summary.median, row.unit) if row.native else "" for row in key.rows
    )
    last = [_Column("native", natives, "dim")] if any(natives) else []
    least, most = _NAME_WIDTHS
    wanted = max(map(len, (*_which_way(key.rows), *(" " * _INDENT + _name(row) for row in key.rows))))
    taken = _together(last) + max((_together([column]) for column in columns), default=0)
    name_width = max(least, min(most, wanted, width - taken))
    for some in _fitting(columns, width - name_width - _together(last)):
        yield _table(key.rows, [*some, *last], name_width)


def _fitting(columns: Sequence[_Column], width: int) -> Iterator[list[_Column]]:
    """The columns in groups that are no wider than ``width``, or have one column."""
    some: list[_Column] = []
    for column in columns:
        if some and _together([*some, column]) > width:
            yield some
            some = []
        some.append(column)
    if some:
        yield some


def _together(columns: Sequence[_Column]) -> int:
    return sum(_GAP + column.width for column in columns)


def _table(rows: Sequence[KeyMetric], columns: Sequence[_Column], name_width: int) -> Table:
    from rich.padding import Padding  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    table.add_column(Text("\n".join(_which_way(rows)), style="dim"), min_width=name_width, overflow="fold")
    for column in columns:
        heading = "\n".join(textwrap.wrap(column.heading, column.width))
        table.add_column(Text(heading), justify="right", style=column.style, min_width=column.width)
    for scenario, group in groupby(enumerate(rows), key=lambda numbered: numbered[1].scenario):
        table.add_row(Text(plain(scenario), style="bold"))
        for at, row in group:
            name = Padding(Text(_name(row), overflow="fold"), (0, 0, 0, _INDENT))
            table.add_row(name, *(Text(column.cells[at], no_wrap=True) for column in columns))
    return table


def _which_way(rows: Sequence[KeyMetric]) -> tuple[str, ...]:
    """What is better, in lines that stand above the names."""
    directions = {row.better for row in rows}
    if len(directions) > 1:
        return f"{_HIGHER} higher is better,", "otherwise lower"
    return (f"{_HIGHER} higher is better",) if "higher" in directions else ("lower is better",)


def _name(row: KeyMetric) -> str:
    name = plain(in_words(row.metric))
    return f"{name} {_HIGHER}" if row.better == "higher" else name


def _cell(series: Series | None, *, with_interval: bool) -> str:
    if series is None:
        return units.DASH
    summary, native = series.summary, series.native
    if native:
        value, ci95 = units.ratio(native.ratio, series.better), native.ci95
        interval = units.ratio_interval(ci95, native.ratio, series.better)
    else:
        value, ci95 = units.quantity(summary.median, series.unit), summary.ci95
        interval = units.interval(ci95, summary.median, series.unit)
    if ci95 is None or not with_interval:
        return value
    return f"{value} [{interval.replace(units.TO, units.DASH)}]"
