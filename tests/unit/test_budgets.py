"""Promise P8: which limit is reached, and dollars that stay exact."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.spending.accounting import Occasion, accounts_of, occasion_of
from agent.spending.budgets import SCOPES, WITHIN_BUDGET, format_usd, limit_of, limit_reached, parse_usd
from agent.types import Budget, BudgetScope, Policy
from tests.factories import make_tenant, make_turn


def budget(soft: int, hard: int) -> Budget:
    return Budget(soft_microusd=soft, hard_microusd=hard)


BUDGETS: dict[BudgetScope, Budget] = {
    "message": budget(100, 200),
    "contact_day": budget(1_000, 2_000),
    "tenant_day": budget(10_000, 20_000),
}


@pytest.mark.parametrize(
    ("spent", "level", "scope"),
    [
        pytest.param({}, "none", None, id="nothing spent"),
        pytest.param({"message": 99, "contact_day": 999, "tenant_day": 9_999}, "none", None, id="just below"),
        pytest.param({"message": 100}, "soft", "message", id="soft limit reached"),
        pytest.param({"message": 199}, "soft", "message", id="just below hard"),
        pytest.param({"message": 200}, "hard", "message", id="hard limit reached"),
        pytest.param({"tenant_day": 10_000}, "soft", "tenant_day", id="soft of the widest"),
        pytest.param({"message": 100, "tenant_day": 10_000}, "soft", "message", id="of two soft ones the narrowest"),
        pytest.param({"message": 100, "tenant_day": 20_000}, "hard", "tenant_day", id="hard before soft"),
        pytest.param({"contact_day": 5_000, "tenant_day": 50_000}, "hard", "contact_day", id="of two hard ones"),
        pytest.param({"tenant_month": 10**12}, "none", None, id="scope without a budget"),
    ],
)
def test_hardest_limit_counts_and_of_several_the_narrowest(
    spent: dict[BudgetScope, int], level: str, scope: str | None
) -> None:
    limit = limit_reached(BUDGETS, spent)
    assert (limit.level, limit.scope) == (level, scope)


def test_budget_of_zero_allows_no_call_at_all() -> None:
    assert limit_reached({"message": budget(0, 0)}, {}).level == "hard"


def test_no_budget_no_limit() -> None:
    assert limit_reached({}, dict.fromkeys(SCOPES, 10**15)) == WITHIN_BUDGET


def test_turn_is_measured_by_its_tenants_budgets() -> None:
    tenant = make_tenant(policy=Policy(budgets=BUDGETS))
    turn = make_turn(tenant=tenant, spent_microusd={"message": 80, "contact_day": 800, "tenant_day": 19_900})
    assert (limit_of(turn).level, limit_of(turn).scope) == ("soft", "tenant_day")
    assert limit_of(make_turn(tenant=tenant)) == WITHIN_BUDGET


def test_limit_says_to_staff_what_was_spent() -> None:
    limit = limit_reached({"tenant_day": budget(1, 50_000_000)}, {"tenant_day": 50_120_000})
    assert str(limit) == "model budget for the business today: $50.12 of $50.00 spent"


costs = st.integers(min_value=0, max_value=10**9)


@given(budgets=st.dictionaries(st.sampled_from(SCOPES), st.tuples(costs, costs)), spent=costs, more=costs)
def test_spending_more_never_eases_a_limit(budgets: dict[BudgetScope, tuple[int, int]], spent: int, more: int) -> None:
    levels = ("none", "soft", "hard")
    limits = {scope: budget(min(pair), max(pair)) for scope, pair in budgets.items()}
    before = limit_reached(limits, dict.fromkeys(SCOPES, spent))
    after = limit_reached(limits, dict.fromkeys(SCOPES, spent + more))
    assert levels.index(after.level) >= levels.index(before.level)


# --- what a cost counts towards ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timezone", "now", "day", "month"),
    [
        pytest.param("Europe/Madrid", "2026-10-31T22:59:59", "2026-10-31", "2026-10-01", id="last second of a month"),
        pytest.param("Europe/Madrid", "2026-10-31T23:00:00", "2026-11-01", "2026-11-01", id="first of the next"),
        pytest.param("America/Mexico_City", "2026-11-01T05:59:59", "2026-10-31", "2026-10-01", id="west of UTC"),
        pytest.param("Europe/Madrid", "2026-10-25T00:30:00", "2026-10-25", "2026-10-01", id="day of 25 hours, begun"),
        pytest.param("Europe/Madrid", "2026-10-25T22:59:59", "2026-10-25", "2026-10-01", id="day of 25 hours, ending"),
    ],
)
def test_days_and_months_are_those_of_the_tenant(timezone: str, now: str, day: str, month: str) -> None:
    tenant = make_tenant(timezone=timezone)
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    starts = {each.scope: str(each.starts_on) for each in accounts_of(Occasion(tenant=tenant), at)}
    assert starts == {"tenant_day": day, "tenant_month": month}


def test_turn_that_goes_on_after_midnight_keeps_its_account() -> None:
    turn = make_turn()
    evening, morning = datetime(2026, 11, 17, 22, tzinfo=UTC), datetime(2026, 11, 18, 9, tzinfo=UTC)
    before, after = (accounts_of(occasion_of(turn), now) for now in (evening, morning))
    assert [each.scope for each in before] == list(SCOPES)
    assert before[0] == after[0]
    assert before[1] != after[1]


# --- dollars -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "microusd"),
    [("0", 0), ("0.05", 50_000), ("20", 20_000_000), ("1.000001", 1_000_001), ("007.5", 7_500_000)],
)
def test_dollars_are_read_exactly(text: str, microusd: int) -> None:
    assert parse_usd(text) == microusd


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "1e3", "1_0", " 1", "+1", "-1", "1.2.3", "0.0000001", "١", "9" * 7]
)
def test_what_is_no_plain_dollar_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"dollars|decimals"):
        parse_usd(text)


@given(st.integers(min_value=0, max_value=10**12 - 1))
def test_dollars_written_read_back_the_same(microusd: int) -> None:
    assert parse_usd(format_usd(microusd)) == microusd


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value: Any = parse_usd(text)
    except ValueError:
        return
    assert value >= 0
