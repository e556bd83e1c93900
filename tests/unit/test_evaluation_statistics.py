"""Figures with their intervals: against values worked out by hand, and against what they must never say."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.evaluation.compare import compare_results
from agent.evaluation.figures import FIGURES, figures_of
from agent.evaluation.measure import Result
from agent.evaluation.spend import FIRST_GUESS_MICROUSD, Purse
from agent.evaluation.statistics import difference, kappa, macro_f1, macro_f1_difference, mcnemar, mean, wilson


def understood(key: str, expected: str, got: str, **fields: object) -> Result:
    values = {"language": "es", "confidence": 0.9, **fields}
    return Result(key=key, kind="classification", expected=expected, got=got, right=expected == got, **values)  # type: ignore[arg-type]


def checked(key: str, expected: str, got: str) -> Result:
    rules = ("pricing",) if expected == "violation" else ()
    found = ("pricing",) if got == "violation" else ()
    return Result(
        key=key, kind="guardrail", language="es", expected=expected, got=got, right=expected == got,
        rules=rules, found=found,
    )  # fmt: skip


class TestMean:
    def test_all_right_is_not_certain(self) -> None:
        share = mean([1.0] * 20)
        assert share.value == share.high == 1.0
        assert share.low == pytest.approx(wilson(20, 20)[0])
        assert share.low < 0.9

    def test_interval_holds_the_value_and_narrows_with_more_cases(self) -> None:
        few, many = mean([1.0, 0.0] * 10), mean([1.0, 0.0] * 500)
        assert few.low < few.value == 0.5 < few.high
        assert many.high - many.low < few.high - few.low

    def test_no_cases_say_nothing(self) -> None:
        share = mean([])
        assert (share.n, share.low, share.high) == (0, 0.0, 1.0)

    @given(st.lists(st.booleans(), min_size=1, max_size=60))
    def test_value_is_always_within_its_interval(self, hits: list[bool]) -> None:
        share = mean([float(each) for each in hits])
        assert share.low <= share.value <= share.high


class TestMacroF1:
    def test_rare_labels_count_as_much_as_frequent_ones(self) -> None:
        expected = ["a"] * 8 + ["b"] * 2
        got = ["a"] * 8 + ["a"] * 2
        assert macro_f1(expected, got).value == pytest.approx((16 / 18) / 2)

    def test_same_answers_differ_by_nothing(self) -> None:
        found = macro_f1_difference(["a", "b", "a"], ["a", "a", "a"], ["a", "a", "a"])
        assert (found.value, found.is_worse) == (0.0, False)


class TestPairs:
    @pytest.mark.parametrize(
        ("lost", "won", "p_value"),
        [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 0.001953125), (0, 10, 0.001953125), (3, 1, 0.625)],
        ids=["nothing changed", "as many", "only lost", "only won", "three to one"],
    )
    def test_mcnemar_is_exact(self, lost: int, won: int, p_value: float) -> None:
        before = [True] * lost + [False] * won + [True] * 7
        after = [False] * lost + [True] * won + [True] * 7
        assert mcnemar(before, after) == pytest.approx(p_value)

    def test_clear_drop_is_called_worse_and_a_gain_is_not(self) -> None:
        good, bad = [1.0] * 100, [1.0] * 80 + [0.0] * 20
        assert difference(good, bad).is_worse
        assert not difference(bad, good).is_worse

    def test_luck_is_hardly_ever_called_worse(self) -> None:
        """Versions that are equally good, 300 times: about one in 200 may be called worse."""
        drawn = random.Random(7)
        called = 0
        for _ in range(300):
            before = [float(drawn.random() < 0.9) for _ in range(60)]
            after = [float(drawn.random() < 0.9) for _ in range(60)]
            called += difference(before, after).is_worse
        assert called <= 6


class TestKappa:
    @pytest.mark.parametrize(
        ("one", "other", "value"),
        [
            ([True, False, True, False], [True, False, True, False], 1.0),
            ([True, True, False, False], [True, False, True, False], 0.0),
            ([True, False], [False, True], -1.0),
        ],
        ids=["perfect", "by luck", "opposite"],
    )
    def test_known_values(self, one: list[bool], other: list[bool], value: float) -> None:
        assert kappa(one, other).value == pytest.approx(value)

    def test_judges_who_always_say_yes_agree(self) -> None:
        assert kappa([True] * 5, [True] * 5).value == 1.0


class TestFigures:
    def test_every_kind_is_counted_for_itself_and_survives_json(self) -> None:
        results = [
            understood("1", "pricing", "pricing"),
            understood("2", "complaint", "support", language="pt"),
            checked("3", "violation", "violation"),
            checked("4", "pass", "violation"),
        ]
        figures = figures_of(results, left_out=2)
        assert figures.classification is not None
        assert figures.guardrails is not None
        assert figures.classification.accuracy.value == 0.5
        assert figures.classification.confusion == {"complaint": {"support": 1}, "pricing": {"pricing": 1}}
        assert [each.language for each in figures.classification.by_language] == ["es", "pt"]
        assert figures.guardrails.recall.value == 1.0
        assert figures.guardrails.false_alarms.value == 1.0
        assert figures.replies is None
        kept = FIGURES.dump_python(figures, mode="json")
        assert FIGURES.dump_python(FIGURES.validate_python(kept), mode="json") == kept

    def test_comparison_counts_only_cases_that_both_have(self) -> None:
        before = [understood(str(n), "pricing", "pricing") for n in range(50)]
        after = [understood(str(n), "pricing", "support" if n < 20 else "pricing") for n in range(40)]
        comparison = compare_results("old", before, after)
        (accuracy, f1) = comparison.changes
        assert (accuracy.before, accuracy.after, accuracy.difference.n) == (1.0, 0.5, 40)
        assert accuracy.p_value is not None
        assert accuracy.p_value < 0.001
        assert [each.name for each in comparison.drops] == ["accuracy", "macro F1"]
        assert f1.p_value is None


class TestPurse:
    def test_work_under_way_counts_so_that_the_limit_holds(self) -> None:
        purse = Purse(limit_microusd=3 * FIRST_GUESS_MICROUSD)
        assert [purse.begin() for _ in range(4)] == [True, True, True, False]
        purse.end(0)
        assert purse.begin()

    def test_dear_cases_are_reckoned_with(self) -> None:
        purse = Purse(limit_microusd=100_000)
        assert purse.begin()
        purse.end(60_000)
        assert not purse.begin()

    def test_without_a_limit_there_is_always_money(self) -> None:
        purse = Purse(limit_microusd=None)
        assert all(purse.begin() for _ in range(100))
