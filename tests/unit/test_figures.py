"""Figures read: percentiles of counted classes, shares, groups; and the charts drawn of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.figures import Share, add_up, approval, automation, editing, group, percentiles
from agent.store.figures import CLASS_BASE
from channels.inbox.charts import HEIGHT, WIDTH, Chart, Limit, Series, rank


def class_of(seconds: float) -> int:
    """The class that the query counts a time in."""
    return math.floor(math.log(max(seconds * 1000, 1)) / math.log(CLASS_BASE))


@given(st.lists(st.floats(min_value=0.002, max_value=86_400), min_size=1, max_size=200))
def test_a_percentile_is_right_within_ten_percent(times: list[float]) -> None:
    found = percentiles(add_up({f"decided.{class_of(each)}": 1} for each in times), "decided")
    assert found is not None
    ordered = sorted(times)
    for share, value in ((0.5, found.p50_s), (0.95, found.p95_s), (0.99, found.p99_s)):
        exact = ordered[math.ceil(share * len(ordered)) - 1]
        assert value == pytest.approx(exact, rel=0.1001)
    assert found.count == len(times)


def test_what_was_never_timed_has_no_percentiles() -> None:
    assert percentiles({"decided.3": 1}, "delivered") is None


def test_shares_leave_out_what_wanted_no_answer() -> None:
    figures = {"turn.send": 6, "turn.escalate": 1, "turn.failed": 1, "turn.nothing": 9, "turn.superseded": 9}
    assert automation(figures) == Share(part=6, whole=8)
    assert automation(figures).percent == 75
    reviews = {"review.approved": 1, "review.edited": 2, "review.rejected": 1}
    assert (approval(reviews).percent, editing(reviews).percent) == (25, 50)
    assert approval({}).percent is None


def test_a_group_has_the_largest_first() -> None:
    assert list(group({"cause.a": 1, "cause.b": 3, "other.c": 9}, "cause").items()) == [("b", 3), ("a", 1)]


def chart(*values: tuple[int, ...], limits: tuple[int, ...] = ()) -> Chart:
    """A chart of one series a tuple."""
    return Chart(
        id="x",
        title="X",
        columns=[str(place) for place in range(len(values[0]))],
        series=[Series(name=f"s{number}", label=f"S{number}", values=each) for number, each in enumerate(values)],
        limits=[Limit(name="soft", label="Soft", value=each) for each in limits],
    )


class TestChart:
    @given(
        st.lists(st.tuples(*[st.integers(0, 10**9)] * 2), min_size=1, max_size=40),
        st.lists(st.integers(1, 10**9), max_size=2),
    )
    def test_everything_drawn_is_inside_the_drawing(self, pairs: list[tuple[int, int]], limits: list[int]) -> None:
        drawn = chart(tuple(a for a, _ in pairs), tuple(b for _, b in pairs), limits=tuple(limits))
        for bar in drawn.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.02
            assert -0.02 <= bar.y <= bar.y + bar.height <= HEIGHT + 0.02
        assert all(0 <= y <= HEIGHT for _, y in drawn.lines)

    @pytest.mark.parametrize(
        ("highest", "top"), [(0, 2), (1, 2), (3, 4), (7, 8), (9, 20), (20, 20), (21, 40), (85, 200)]
    )
    def test_the_scale_ends_at_a_plain_number(self, highest: int, top: int) -> None:
        assert chart((highest,)).top == top

    def test_a_limit_far_above_is_named_and_not_drawn(self) -> None:
        drawn = chart((5,), limits=(10, 500))
        assert ([each.value for each in drawn.drawn_limits], drawn.top) == ([10], 20)

    def test_few_columns_are_all_named_and_many_are_not(self) -> None:
        assert chart((1, 2, 3)).ticks == ["0", "1", "2"]
        assert chart(tuple(range(30))).ticks == ["0", "6", "12", "17", "23", "29"]

    def test_the_table_behind_has_every_value(self) -> None:
        assert list(chart((1, 2), (3, 4)).rows) == [("0", ["1", "3"]), ("1", ["2", "4"])]
        assert chart((0, 0)).is_empty


def test_ranks_are_as_long_as_they_are_to_the_largest() -> None:
    assert [each.share for each in rank([("a", 4), ("b", 1), ("c", 0)])] == [1, 0.25, 0]
    assert [each.share for each in rank([("a", 0)])] == [0]
