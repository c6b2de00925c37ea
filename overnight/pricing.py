"""What a model call costs, from the one list of prices beside this file (`prices.json`: dollars a million tokens)."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

NANO = 1_000_000_000
PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one call used. Input, cache writes and cache reads are disjoint, as Claude reports them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0

    @classmethod
    def from_usage(cls, usage: dict[str, Any]) -> "Tokens":
        """From a message's `usage` object; missing and null counts are zero."""
        written = usage.get("cache_creation_input_tokens") or 0
        hourly = (usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0
        return cls(
            input_tokens=usage.get("input_tokens") or 0,
            output_tokens=usage.get("output_tokens") or 0,
            cache_write_tokens=written - hourly,
            cache_write_1h_tokens=hourly,
            cache_read_tokens=usage.get("cache_read_input_tokens") or 0,
        )

    @property
    def prompt(self) -> int:
        return self.input_tokens + self.cache_write_tokens + self.cache_write_1h_tokens + self.cache_read_tokens


@cache
def prices() -> dict[str, list[dict[str, float]]]:
    listed = json.loads(Path(__file__).with_name("prices.json").read_text())
    return dict(listed["models"])


def price_of(model: str, prompt_tokens: int) -> dict[str, float] | None:
    """The tier for a prompt of this size; None for a model that is not listed, also by a dated name of it."""
    listed = prices()
    name = next((known for known in listed if re.fullmatch(re.escape(known) + r"(-\d{8})?", model)), None)
    if name is None:
        return None
    return next(tier for tier in listed[name] if prompt_tokens <= tier.get("up_to", prompt_tokens))


def cost_nanousd(model: str, tokens: Tokens) -> int | None:
    """Billionths of a dollar; None where the model has no listed price."""
    price = price_of(model, tokens.prompt)
    if price is None:
        return None
    dollars_per_million = (
        tokens.input_tokens * price["input"]
        + tokens.output_tokens * price["output"]
        + tokens.cache_write_tokens * price["write_5m"]
        + tokens.cache_write_1h_tokens * price["write_1h"]
        + tokens.cache_read_tokens * price["read"]
    )
    return round(dollars_per_million * NANO / PER_MILLION)
