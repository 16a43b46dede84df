"""What did an attempt cost? Prices are data with a date; a model that is not among them has no price, never zero.

Source: Anthropic's public price list ("Pricing" in the platform's documentation). A batch costs half, of every kind of
token. Models that charge long prompts more charge the whole request more, once its prompt passes the limit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from contracts.agents import Cost, CostUnknown, Usage

AS_OF = date(2026, 10, 24)
"""The day on which PRICES were compared with the list."""

TOKENS = Decimal(1_000_000)
"""Prices are US dollars for this many tokens."""

BATCHED = Decimal("0.5")

DATED = re.compile(r"-\d{8}$")
"""The end of a snapshot's name, such as claude-haiku-4-5-20251001: a snapshot costs what its model costs."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens. cache_write: for the five-minute cache, the only one that is written here."""

    input: Decimal
    output: Decimal
    cache_write: Decimal
    cache_read: Decimal

    def of(self, usage: Usage) -> Decimal:
        return (
            self.input * usage.input
            + self.output * usage.output
            + self.cache_write * usage.cache_write
            + self.cache_read * usage.cache_read
        ) / TOKENS


def _price(given: str, taken: str, written: str, read: str) -> Price:
    return Price(Decimal(given), Decimal(taken), Decimal(written), Decimal(read))


PRICES = {
    "claude-opus-5-5": _price("4", "20", "5", "0.20"),
    "claude-opus-5": _price("5", "25", "6.25", "0.50"),
    "claude-opus-4-8": _price("5", "25", "6.25", "0.50"),
    "claude-opus-4-7": _price("5", "25", "6.25", "0.50"),
    "claude-opus-4-6": _price("5", "25", "6.25", "0.50"),
    "claude-opus-4-5": _price("5", "25", "6.25", "0.50"),
    "claude-sonnet-5-5": _price("2", "10", "2.50", "0.10"),
    "claude-sonnet-5": _price("2", "10", "2.50", "0.20"),
    "claude-sonnet-4-6": _price("3", "15", "3.75", "0.30"),
    "claude-sonnet-4-5": _price("3", "15", "3.75", "0.30"),
    "claude-haiku-5-5": _price("0.10", "0.50", "0.125", "0.01"),
    "claude-haiku-4-5": _price("1", "5", "1.25", "0.10"),
}

LONG_PROMPTS = {"claude-haiku-5-5": (100_000, _price("0.50", "2.50", "0.625", "0.05"))}
"""Model → prompt tokens up to which PRICES hold, and the price of a request beyond them."""


def price(model: str, prompt_tokens: int = 0) -> Price | CostUnknown:
    """The price of a model's request whose prompt has that many tokens."""
    name = DATED.sub("", model)
    limit, long = LONG_PROMPTS.get(name, (prompt_tokens, None))
    if long and prompt_tokens > limit:
        return long
    return PRICES.get(name, CostUnknown.NO_PRICE)


def cost(model: str, usage: Usage | None, *, batched: bool = False) -> Cost:
    """US dollars of one attempt; why nobody knows, where the model has no price or no answer told its tokens."""
    if usage is None:
        return CostUnknown.NO_USAGE
    if usage == Usage():
        return Decimal(0)  # refused before it cost anything, whatever the model
    found = price(model, usage.prompt)
    if isinstance(found, CostUnknown):
        return found
    return found.of(usage) * (BATCHED if batched else 1)
