"""The way big tables are run: every row, and a failure that names each row that fails."""

from typing import Any

import pytest

from tests.tables import each_row

ROWS = [pytest.param(1, "a", id="first"), (2, "b"), pytest.param(3, "c", id="third")]


def test_every_row_is_run_with_what_all_share() -> None:
    seen = []

    @each_row(("number", "letter"), ROWS)
    def test(shared: str, number: int, letter: str) -> None:
        seen.append((shared, number, letter))

    test(shared="all")
    assert seen == [("all", 1, "a"), ("all", 2, "b"), ("all", 3, "c")]


def test_each_row_that_fails_is_named_with_what_was_wrong() -> None:
    @each_row(("number", "letter"), ROWS)
    def test(number: int, letter: str) -> None:
        if number == 2:
            pytest.fail("two is wrong")
        if number == 3:
            raise ValueError(f"no {letter}")

    with pytest.raises(AssertionError) as caught:
        test()
    assert str(caught.value).split("\n") == [
        "2 of 3 rows failed:",
        "[2, 'b'] Failed: two is wrong",
        "[third] ValueError: no c",
    ]
    assert str(caught.value.__cause__) == "two is wrong"


def test_two_tables_make_every_pair_and_name_both() -> None:
    @each_row("number", [1, 2], ids=("one", "two"))
    @each_row("letter", ["a", "b"])
    def test(number: int, letter: str) -> None:
        assert (number, letter) != (2, "b")

    with pytest.raises(AssertionError, match=r"(?s)1 of 2 rows failed:.*\[two\].*1 of 2 rows failed.*\['b'\]"):
        test()


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="none"),
        pytest.param([(1,)], id="too few values"),
        pytest.param([(1, 2, 3)], id="too many values"),
        pytest.param([pytest.param(1, 2, marks=pytest.mark.skip, id="x")], id="marks"),
    ],
)
def test_table_that_would_not_be_checked_whole_is_refused(rows: list[Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — the message is not the point
        each_row(("number", "letter"), rows)
