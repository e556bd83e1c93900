"""Charts as pages draw them: bars over time, as shapes of an SVG that stretches, and the table behind them.

Pure geometry. Labels are text beside the drawing, so that they stay readable at any width.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000, 100
"""The drawing's own units; it is stretched to the space there is."""
GAP = 0.24
"""Part of a column that stays free."""
LABELS = 6
"""Labels below the columns, at most."""
FAR = 4
"""A limit more than this many times as high as the highest column is not drawn: nothing else could be seen."""

Write = Callable[[int], str]
"""Writes a value out for the reader."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Values of one kind, one a column. `name` is also the colour's class; `label` is ready to be read."""

    name: str
    label: str
    values: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A line across the chart."""

    name: str
    label: str
    value: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One piece of a column."""

    name: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Stacked columns over time."""

    id: str
    title: str
    columns: Sequence[str]
    """What each column is called."""
    series: Sequence[Series]
    write: Write = str
    limits: Sequence[Limit] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened at all."""
        return not any(value for each in self.series for value in each.values)

    @property
    def totals(self) -> Sequence[int]:
        """The height of each column."""
        return [sum(each.values[place] for each in self.series) for place in range(len(self.columns))]

    @property
    def sums(self) -> Sequence[tuple[Series, str]]:
        """Each series with its sum, written out."""
        return [(each, self.write(sum(each.values))) for each in self.series]

    @property
    def top(self) -> int:
        """The value at the upper edge: the highest column or limit, rounded up to a plain number."""
        highest = max(self.totals, default=0)
        return _plain(max([highest, *(each.value for each in self.drawn_limits)]))

    @property
    def drawn_limits(self) -> Sequence[Limit]:
        """The limits that are not too far up to be drawn."""
        highest = max(self.totals, default=0)
        return [each for each in self.limits if each.value <= FAR * highest]

    @property
    def scale(self) -> Sequence[str]:
        """The values at the upper edge, half way down and at the bottom, written out."""
        return (self.write(self.top), self.write(self.top // 2), self.write(0))

    @property
    def lines(self) -> Sequence[tuple[Limit, float]]:
        """The limits drawn, each with its height from above."""
        return [(each, round(HEIGHT * (1 - each.value / self.top), 2)) for each in self.drawn_limits]

    @property
    def bars(self) -> Iterator[Bar]:
        """The pieces of all columns, from the bottom up."""
        step, top = WIDTH / max(len(self.columns), 1), self.top
        for place, column in enumerate(self.columns):
            floor = float(HEIGHT)
            for each in self.series:
                height = HEIGHT * each.values[place] / top
                floor -= height
                if height:
                    yield Bar(
                        name=each.name,
                        x=round(step * (place + GAP / 2), 2),
                        y=round(floor, 2),
                        width=round(step * (1 - GAP), 2),
                        height=round(height, 2),
                        title=f"{column} · {each.label}: {self.write(each.values[place])}",
                    )

    @property
    def ticks(self) -> Sequence[str]:
        """A few columns' names, evenly spread, the first and the last among them."""
        last = len(self.columns) - 1
        if last < LABELS:
            return list(self.columns)
        return [self.columns[round(place * last / (LABELS - 1))] for place in range(LABELS)]

    @property
    def rows(self) -> Iterator[tuple[str, Sequence[str]]]:
        """The same as a table: a row a column, a cell a series."""
        for place, column in enumerate(self.columns):
            yield column, [self.write(each.values[place]) for each in self.series]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rank:
    """One row of a list of bars. `label` is ready to be read."""

    label: str
    value: str
    share: float
    """Length of its bar, 0 to 1."""
    detail: str = ""
    href: str = ""


def rank(values: Sequence[tuple[str, int]], write: Write = str) -> list[Rank]:
    """Return labelled values as bars, as long as they are to the largest."""
    largest = max((value for _, value in values), default=0)
    return [Rank(label=label, value=write(value), share=value / largest if largest else 0) for label, value in values]


def _plain(value: int) -> int:
    """Return the smallest of 2, 4, 6, 8, 10, 20, 40, … that is not below a value: its half is a plain number, too."""
    unit = 1
    while True:
        for step in (2, 4, 6, 8):
            if step * unit >= value:
                return step * unit
        unit *= 10
