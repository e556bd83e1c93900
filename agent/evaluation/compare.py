"""Compares two runs case by case: only cases that both have count, so neither an easier set nor luck decides. Pure."""

from collections.abc import Callable, Sequence

from agent.evaluation.figures import Change, Comparison
from agent.evaluation.grading import CRITERIA
from agent.evaluation.measure import Result
from agent.evaluation.statistics import difference, macro_f1_difference, mcnemar

Pair = tuple[Result, Result]
"""What the earlier version made of a case, and the later one."""


def compare_results(version: str, before: Sequence[Result], after: Sequence[Result]) -> Comparison:
    """Return what is different from `version`, whose results were `before`."""
    known = {each.key: each for each in before}
    pairs = [(known[each.key], each) for each in after if each.key in known and known[each.key].kind == each.kind]
    understood = [pair for pair in pairs if pair[0].kind == "classification"]
    checked = [pair for pair in pairs if pair[0].kind == "guardrail"]
    replied = [pair for pair in pairs if pair[0].kind == "reply"]
    found = (
        _hits("accuracy", understood),
        _macro_f1(understood),
        _hits("guardrail recall", [pair for pair in checked if pair[0].expected == "violation"]),
        _hits("good texts let through", [pair for pair in checked if pair[0].expected == "pass"]),
        _hits("replies right", replied),
        _mean("rubric", [pair for pair in replied if pair[0].scores and pair[1].scores], _rubric),
    )
    return Comparison(version=version, changes=[each for each in found if each is not None])


def _hits(name: str, pairs: Sequence[Pair]) -> Change | None:
    change = _mean(name, pairs, lambda each: float(each.right))
    if change is None:
        return None
    p_value = mcnemar([old.right for old, _ in pairs], [new.right for _, new in pairs])
    return Change(name=name, before=change.before, after=change.after, difference=change.difference, p_value=p_value)


def _mean(name: str, pairs: Sequence[Pair], value: Callable[[Result], float]) -> Change | None:
    if not pairs:
        return None
    old, new = [value(each) for each, _ in pairs], [value(each) for _, each in pairs]
    return Change(name=name, before=sum(old) / len(old), after=sum(new) / len(new), difference=difference(old, new))


def _macro_f1(pairs: Sequence[Pair]) -> Change | None:
    if not pairs:
        return None
    expected = [new.expected for _, new in pairs]
    old, new = [each.got for each, _ in pairs], [each.got for _, each in pairs]
    return Change(
        name="macro F1",
        before=_f1(expected, old),
        after=_f1(expected, new),
        difference=macro_f1_difference(expected, old, new),
    )


def _f1(expected: Sequence[str], got: Sequence[str]) -> float:
    labels = {*expected}
    return sum(_f1_of(label, expected, got) for label in labels) / len(labels)


def _f1_of(label: str, expected: Sequence[str], got: Sequence[str]) -> float:
    hits = sum(e == label == g for e, g in zip(expected, got, strict=True))
    return 2 * hits / (sum(e == label for e in expected) + sum(g == label for g in got))


def _rubric(result: Result) -> float:
    return sum(result.scores[name] for name in CRITERIA) / len(CRITERIA)
