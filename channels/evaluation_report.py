"""The report of an evaluation as one HTML page: figures with their intervals, plots in SVG, nothing from elsewhere.

All text goes through the template, which escapes it; places and lengths of the plots are computed here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from markupsafe import Markup

from agent.evaluation.figures import Comparison, Figures
from agent.evaluation.statistics import Share
from agent.models.reliability import BINS
from agent.spending.budgets import format_usd
from channels.inbox.navigation import N_
from channels.pages import build_templates

SIDE = 320.0
"""Length of a plot's side."""
CELL = 30.0
FAR = 0.1
"""A difference this large reaches the edge of its plot, unless another is larger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A share with its interval, on a line of 0 to 100."""

    label: str
    """A message to translate, or a name."""
    share: Share
    x: float
    low: float
    high: float
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    """A bin of the reliability plot: where it is, how large, and what it says."""

    x: float
    y: float
    radius: float
    told: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell of the confusion matrix."""

    x: float
    y: float
    count: int
    opacity: float
    is_right: bool
    told: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """The confusion matrix: labels down and across, and its cells."""

    labels: Sequence[str]
    cells: Sequence[Cell]
    side: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """A change with its interval, on a line of 0 to 100 whose middle is no change."""

    name: str
    before: str
    after: str
    told: str
    x: float
    low: float
    high: float
    is_worse: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All that the page shows."""

    figures: Figures
    main: Sequence[Bar]
    languages: Sequence[Bar]
    rules: Sequence[Bar]
    reliability: Sequence[Dot]
    matrix: Matrix | None
    shifts: Sequence[Shift]
    cost: str


def render_report(tenant: str, version: str, set_name: str, at: datetime, figures: Figures) -> str:
    """Return the page."""
    css = files("channels").joinpath("static", "evaluation.css").read_text("utf-8")
    environment = build_templates()
    environment.globals["_"] = _say
    template = environment.get_template("evaluation/report.html")
    # Our own style sheet, which holds no `<`.
    return template.render(
        tenant=tenant,
        version=version,
        set_name=set_name,
        at=at,
        report=build_report(figures),
        css=Markup(css),  # noqa: S704
    )


def _say(message: str, **values: object) -> str:
    """Return a message as it stands: the file is in English."""
    return message % values if values else message


def build_report(figures: Figures) -> Report:
    """Return what the page, or a page of the inbox, shows of figures."""
    known, checked, replied = figures.classification, figures.guardrails, figures.replies
    main: list[Bar] = []
    languages: list[Bar] = []
    if known:
        main += [_bar(N_("Accuracy"), known.accuracy), _bar(N_("Macro F1"), known.macro_f1)]
        languages += [_bar(N_("Understood"), each.share, each.language) for each in known.by_language]
    if checked:
        main += [_bar(N_("Guardrail recall"), checked.recall), _bar(N_("False alarms"), checked.false_alarms)]
        main += [_bar(N_("Rule named"), checked.named)]
        languages += [_bar(N_("Checked"), each.share, each.language) for each in checked.by_language]
    if replied:
        main += [_bar(N_("Replies right"), replied.right)] if replied.right.n else []
        languages += [_bar(N_("Replied"), each.share, each.language) for each in replied.by_language]
    return Report(
        figures=figures,
        main=main,
        languages=languages,
        rules=[_bar(each.rule, each.recall) for each in checked.by_rule] if checked else [],
        reliability=_dots(figures),
        matrix=_matrix(figures),
        shifts=_shifts(figures.comparison),
        cost=format_usd(sum(each.total_microusd for each in figures.costs.values())),
    )


def _bar(label: str, share: Share, detail: str = "") -> Bar:
    low, high = 100 * share.low, 100 * share.high
    return Bar(label=label, share=share, x=100 * share.value, low=low, high=high, detail=detail)


def _dots(figures: Figures) -> list[Dot]:
    bins = figures.classification.reliability if figures.classification else ()
    most = max((each.messages for each in bins), default=1)
    return [
        Dot(
            x=round(SIDE * each.confidence, 1),
            y=round(SIDE * (1 - each.right), 1),
            radius=round(3 + 9 * (each.messages / most) ** 0.5, 1),
            told=f"{each.low:.1f}–{each.low + 1 / BINS:.1f}: {each.messages} messages, sure {each.confidence:.2f}, "
            f"right {each.right:.2f}",
        )
        for each in bins
    ]


def _matrix(figures: Figures) -> Matrix | None:
    if figures.classification is None:
        return None
    confusion = figures.classification.confusion
    labels = sorted({*confusion, *(got for row in confusion.values() for got in row)})
    cells = [
        Cell(
            x=CELL * labels.index(got),
            y=CELL * labels.index(expected),
            count=count,
            opacity=round(0.15 + 0.85 * count / sum(row.values()), 2),
            is_right=got == expected,
            told=f"{expected} taken for {got}: {count}",
        )
        for expected, row in confusion.items()
        for got, count in row.items()
    ]
    return Matrix(labels=labels, cells=cells, side=CELL * len(labels))


def _shifts(comparison: Comparison | None) -> list[Shift]:
    changes = comparison.changes if comparison else ()
    far = max([FAR, *(abs(end) for each in changes for end in (each.difference.low, each.difference.high))])

    def place(value: float) -> float:
        return round(50 + 50 * value / far, 1)

    return [
        Shift(
            name=each.name,
            before=f"{each.before:.3f}",
            after=f"{each.after:.3f}",
            told=f"{each.difference.value:+.3f} ({each.difference.low:+.3f} to {each.difference.high:+.3f})"
            + (f", McNemar p {each.p_value:.3f}" if each.p_value is not None else ""),
            x=place(each.difference.value),
            low=place(each.difference.low),
            high=place(each.difference.high),
            is_worse=each.difference.is_worse,
        )
        for each in changes
    ]
