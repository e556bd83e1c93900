"""What a model call costs: dated prices (`prices.toml`), integer arithmetic, micro-dollars (promise P8)."""

import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Self

from agent.errors import Misconfigured

NANO_PER_MICRO = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Tokens of one request as the API bills them; the five kinds are disjoint."""

    input: int = 0
    output: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0

    @property
    def prompt(self) -> int:
        """The whole prompt, cached or not: it decides the price tier."""
        return self.input + self.cache_write_5m + self.cache_write_1h + self.cache_read


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPrice:
    """Prices of one model from a day on, in nano-dollars per token."""

    model: str
    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    valid_from: date = date.min
    up_to_prompt_tokens: int = sys.maxsize

    def cost_nanousd(self, tokens: Tokens) -> int:
        """Return the cost of `tokens` in nano-dollars."""
        return (
            tokens.input * self.input
            + tokens.output * self.output
            + tokens.cache_write_5m * self.cache_write_5m
            + tokens.cache_write_1h * self.cache_write_1h
            + tokens.cache_read * self.cache_read
        )


class ModelPrices:
    """The price table."""

    def __init__(self, prices: Iterable[ModelPrice], *, batch_percent: int = 100) -> None:
        self._prices = tuple(prices)
        self._batch_percent = batch_percent

    @classmethod
    def load(cls) -> Self:
        """Read the table that ships with the package."""
        text = resources.files("agent.models").joinpath("prices.toml").read_text("utf-8")
        table = tomllib.loads(text)
        prices = (ModelPrice(valid_from=row.pop("from", date.min), **row) for row in table["price"])
        return cls(prices, batch_percent=table["batch_percent"])

    @property
    def models(self) -> tuple[str, ...]:
        """Models with a known price."""
        return tuple(sorted({price.model for price in self._prices}))

    def get_price(self, model: str, *, prompt_tokens: int, on: date) -> ModelPrice:
        """Return the price of a request of that size on a day (UTC).

        Raises:
            Misconfigured: the model has no known price, so its cost could not be bounded.
        """
        found = [
            price
            for price in self._prices
            if price.model == model and price.valid_from <= on and prompt_tokens <= price.up_to_prompt_tokens
        ]
        if not found:
            raise Misconfigured(
                f"No price is known for the model {model!r}, so its cost cannot be bounded.",
                f"Set NIGHTSHIFT_MODEL_FAST, _STANDARD and _EXPERT to one of: {', '.join(self.models)}.",
            )
        return min(found, key=lambda price: (-price.valid_from.toordinal(), price.up_to_prompt_tokens))

    def cost_microusd(self, model: str, tokens: Tokens, *, on: date, in_us: bool = False, batch: bool = False) -> int:
        """Return what a request costs, rounded up so that sums never understate the bill.

        `in_us`: inference was pinned to the United States, which costs a tenth more. `batch`: it was one of a batch.

        Raises:
            Misconfigured: the model has no known price.
        """
        nano = self.get_price(model, prompt_tokens=tokens.prompt, on=on).cost_nanousd(tokens)
        if in_us:
            nano = -(-nano * 11 // 10)
        if batch:
            nano = -(-nano * self._batch_percent // 100)
        return -(-nano // NANO_PER_MICRO)
