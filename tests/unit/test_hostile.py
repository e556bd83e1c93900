"""The check that reading is linear sees what is not."""

import re

import pytest

from tests.hostile import assert_linear, repeat


def test_pattern_that_begins_anew_at_every_letter_is_found() -> None:
    with pytest.raises(AssertionError, match="10000 characters took"):
        assert_linear(re.compile("[ab]*c").search, "ab")


def test_pattern_that_reads_every_letter_once_passes() -> None:
    assert_linear(re.compile("ab").findall, "ab")


def test_of_two_units_each_fills_half_of_the_text() -> None:
    assert repeat(("ab", "c"), 10) == "ababaccccc"
