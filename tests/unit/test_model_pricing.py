"""What a model call costs: dates, tiers, cache prices, rounding. Never a float."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Misconfigured
from agent.models.capabilities import CAPABILITIES, get_capabilities
from agent.models.pricing import ModelPrices, Tokens

PRICES = ModelPrices.load()
TODAY = date(2026, 11, 21)
HAIKU, SONNET, OPUS = "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "tokens", "on", "expected"),
    [
        pytest.param(SONNET, Tokens(input=MILLION), TODAY, 2_000_000, id="sonnet-input"),
        pytest.param(SONNET, Tokens(output=MILLION), TODAY, 10_000_000, id="sonnet-output"),
        pytest.param(SONNET, Tokens(cache_write_5m=MILLION), TODAY, 2_500_000, id="sonnet-5m-write"),
        pytest.param(SONNET, Tokens(cache_write_1h=MILLION), TODAY, 4_000_000, id="sonnet-1h-write"),
        pytest.param(SONNET, Tokens(cache_read=MILLION), TODAY, 100_000, id="sonnet-cache-read"),
        pytest.param(SONNET, Tokens(cache_read=MILLION), date(2026, 10, 6), 200_000, id="sonnet-read-day-before-cut"),
        pytest.param(SONNET, Tokens(cache_read=MILLION), date(2026, 10, 7), 100_000, id="sonnet-read-day-of-cut"),
        pytest.param(OPUS, Tokens(input=1000, output=1000), TODAY, 24_000, id="opus"),
        pytest.param(HAIKU, Tokens(input=100_000), TODAY, 10_000, id="haiku-at-the-tier-limit"),
        pytest.param(HAIKU, Tokens(input=100_001), TODAY, 50_001, id="haiku-above-the-limit-all-tokens-cost-more"),
        pytest.param(
            HAIKU,
            Tokens(input=1, cache_read=60_000, cache_write_1h=40_000, output=1000),
            TODAY,
            45_501,  # 500 + 60_000 × 50 + 40_000 × 1000 + 1000 × 2500 nano-dollars, rounded up
            id="haiku-cached-tokens-count-for-the-tier",
        ),
        pytest.param(HAIKU, Tokens(cache_read=1), TODAY, 1, id="less-than-a-micro-dollar-rounds-up"),
        pytest.param(HAIKU, Tokens(), TODAY, 0, id="nothing-costs-nothing"),
    ],
)
def test_cost_follows_the_published_table(model: str, tokens: Tokens, on: date, expected: int) -> None:
    assert PRICES.cost_microusd(model, tokens, on=on) == expected


def test_inference_pinned_to_the_us_costs_a_tenth_more() -> None:
    assert PRICES.cost_microusd(SONNET, Tokens(input=1000), on=TODAY, in_us=True) == 2200


def test_unknown_model_is_refused_with_the_known_ones_named() -> None:
    with pytest.raises(Misconfigured, match="claude-haiku-5-5"):
        PRICES.cost_microusd("gpt-9", Tokens(input=1), on=TODAY)
    with pytest.raises(Misconfigured, match="claude-haiku-5-5"):
        get_capabilities("gpt-9")


def test_every_model_we_know_has_a_price() -> None:
    assert set(PRICES.models) == set(CAPABILITIES)


counts = st.integers(min_value=0, max_value=2 * MILLION)


@given(model=st.sampled_from((HAIKU, SONNET, OPUS)), a=counts, b=counts, c=counts, d=counts, e=counts)
def test_cost_is_an_exact_integer_and_grows_with_every_kind(model: str, a: int, b: int, c: int, d: int, e: int) -> None:
    cost = PRICES.cost_microusd(
        model, Tokens(input=a, output=b, cache_write_5m=c, cache_write_1h=d, cache_read=e), on=TODAY
    )
    more = Tokens(input=a + 1000, output=b + 1, cache_write_5m=c, cache_write_1h=d, cache_read=e)
    assert type(cost) is int
    assert PRICES.cost_microusd(model, more, on=TODAY) > cost >= 0
