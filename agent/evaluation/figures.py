"""Figures of a run: what its results say of a version, each with how sure that is. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from agent.evaluation.grading import CRITERIA
from agent.evaluation.measure import Result
from agent.evaluation.statistics import NOTHING, Difference, Share, kappa, macro_f1, mean, percentile
from agent.models.reliability import Bin, calibration_error, reliability
from agent.store.eval_cases import CaseKind


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelFigures:
    """How one intent was recognised. Shares of 0 to 1."""

    label: str
    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageFigures:
    """Figures of the cases in one language. `f1` is 0 where there are no labels."""

    language: str
    share: Share
    f1: Share = NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationFigures:
    """How well messages are understood."""

    accuracy: Share
    macro_f1: Share
    by_language: Sequence[LanguageFigures]
    by_label: Sequence[LabelFigures]
    confusion: Mapping[str, Mapping[str, int]]
    """How often a label (first key) was taken for another, or itself."""
    calibration_error: float
    reliability: Sequence[Bin]


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleFigures:
    """One rule: of the violations of it, how many any rule stopped, and how many it was named for."""

    rule: str
    recall: Share
    named: Share


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardrailFigures:
    """How well texts are checked."""

    recall: Share
    """Of violations, how many are stopped."""
    false_alarms: Share
    """Of good texts, how many are stopped."""
    named: Share
    by_rule: Sequence[RuleFigures]
    by_language: Sequence[LanguageFigures]


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How far the judge agrees with staff, over drafts that they sent as they were or rejected."""

    kappa: Share
    agreed: Share


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyFigures:
    """How good replies are: reference checks for all, the judge's rubric for those that have a reference."""

    right: Share
    by_language: Sequence[LanguageFigures]
    rubric: Mapping[str, Share]
    """By criterion, 1 to 5; empty: nobody judged."""
    preferred: Mapping[str, int]
    """How often the judge preferred the candidate, the reference, neither."""
    consistent: Share
    """How often it preferred the same one the other way round."""
    agreement: Agreement | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Time and money of the cases of one kind."""

    n: int
    p50_ms: float
    p95_ms: float
    total_microusd: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One figure of two versions on the same cases. `p_value` is McNemar's; None where it is no share of hits."""

    name: str
    before: float
    after: float
    difference: Difference
    p_value: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A version against another one, case by case."""

    version: str
    changes: Sequence[Change]

    @property
    def drops(self) -> Sequence[Change]:
        """Return the figures that are worse by more than luck explains."""
        return [each for each in self.changes if each.difference.is_worse]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """All figures of a run. A kind without cases has none."""

    cases: int
    left_out: int = 0
    """Cases that were not measured: the money did not reach, or no model answered."""
    classification: ClassificationFigures | None = None
    guardrails: GuardrailFigures | None = None
    replies: ReplyFigures | None = None
    costs: Mapping[CaseKind, Cost]
    comparison: Comparison | None = None


FIGURES = TypeAdapter(Figures)


def figures_of(
    results: Sequence[Result],
    *,
    left_out: int = 0,
    agreement: Agreement | None = None,
    comparison: Comparison | None = None,
) -> Figures:
    """Return the figures of results."""
    kinds: Mapping[CaseKind, list[Result]] = {
        kind: [each for each in results if each.kind == kind] for kind in ("classification", "guardrail", "reply")
    }
    return Figures(
        cases=len(results),
        left_out=left_out,
        classification=_classification(kinds["classification"]) if kinds["classification"] else None,
        guardrails=_guardrails(kinds["guardrail"]) if kinds["guardrail"] else None,
        replies=_replies(kinds["reply"], agreement) if kinds["reply"] or agreement else None,
        costs={kind: _cost(found) for kind, found in kinds.items() if found},
        comparison=comparison,
    )


def agreement_of(judged: Sequence[bool], human: Sequence[bool]) -> Agreement:
    """Return how far a judge's verdicts are those of people."""
    return Agreement(
        kappa=kappa(judged, human), agreed=mean([float(a == b) for a, b in zip(judged, human, strict=True)])
    )


def _hits(results: Sequence[Result]) -> Share:
    return mean([float(each.right) for each in results])


def _languages(results: Sequence[Result]) -> list[str]:
    return sorted({each.language for each in results if each.language})


def _by_language(results: Sequence[Result]) -> list[LanguageFigures]:
    spoken = {language: [r for r in results if r.language == language] for language in _languages(results)}
    return [LanguageFigures(language=language, share=_hits(found)) for language, found in spoken.items()]


def _classification(results: Sequence[Result]) -> ClassificationFigures:
    bins = reliability([each.confidence or 0.0 for each in results], [each.right for each in results])
    counts: dict[str, Counter[str]] = {}
    for each in results:
        counts.setdefault(each.expected, Counter())[each.got] += 1
    by_language = [
        LanguageFigures(
            language=each.language, share=each.share, f1=_f1([r for r in results if r.language == each.language])
        )
        for each in _by_language(results)
    ]
    return ClassificationFigures(
        accuracy=_hits(results),
        macro_f1=_f1(results),
        by_language=by_language,
        by_label=[_label(label, results) for label in sorted(counts)],
        confusion={label: dict(counts[label]) for label in sorted(counts)},
        calibration_error=calibration_error(bins),
        reliability=bins,
    )


def _f1(results: Sequence[Result]) -> Share:
    return macro_f1([each.expected for each in results], [each.got for each in results])


def _label(label: str, results: Sequence[Result]) -> LabelFigures:
    hits = sum(each.expected == label == each.got for each in results)
    labelled, named = sum(each.expected == label for each in results), sum(each.got == label for each in results)
    return LabelFigures(
        label=label,
        n=labelled,
        precision=hits / named if named else 0.0,
        recall=hits / labelled if labelled else 0.0,
        f1=2 * hits / (labelled + named) if labelled + named else 0.0,
    )


def _guardrails(results: Sequence[Result]) -> GuardrailFigures:
    bad = [each for each in results if each.expected == "violation"]
    good = [each for each in results if each.expected == "pass"]
    return GuardrailFigures(
        recall=_hits(bad),
        false_alarms=mean([float(not each.right) for each in good]),
        named=mean([float(bool({*each.rules} & {*each.found})) for each in bad]),
        by_rule=[_rule(rule, bad) for rule in sorted({rule for each in bad for rule in each.rules})],
        by_language=_by_language(results),
    )


def _rule(rule: str, bad: Sequence[Result]) -> RuleFigures:
    own = [each for each in bad if rule in each.rules]
    return RuleFigures(rule=rule, recall=_hits(own), named=mean([float(rule in each.found) for each in own]))


def _replies(results: Sequence[Result], agreement: Agreement | None) -> ReplyFigures:
    judged = [each for each in results if each.preferred]
    return ReplyFigures(
        right=_hits(results),
        by_language=_by_language(results),
        rubric={name: mean([float(each.scores[name]) for each in judged]) for name in CRITERIA if judged},
        preferred=dict(Counter(each.preferred for each in judged)),
        consistent=mean([float(bool(each.is_consistent)) for each in judged]),
        agreement=agreement,
    )


def _cost(results: Sequence[Result]) -> Cost:
    taken = [float(each.latency_ms) for each in results]
    return Cost(
        n=len(results),
        p50_ms=percentile(taken, 50),
        p95_ms=percentile(taken, 95),
        total_microusd=sum(each.cost_microusd for each in results),
    )
