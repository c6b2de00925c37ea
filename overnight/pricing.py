"""What a model call costs, by the one list of prices (`price_list.py`)."""

from dataclasses import dataclass
from typing import Any

from overnight import price_list

NANO = 1_000_000_000
PER_MILLION = 1_000_000
PER_THOUSAND = 1_000
#: What a request is made of beside its reply, as `usage.iterations` names it: not in the sums of `usage`.
BESIDE = frozenset({"compaction", "advisor_message"})


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one call used. Input, cache writes and cache reads are disjoint, as Claude reports them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0
    web_searches: int = 0
    is_batch: bool = False

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
            web_searches=(usage.get("server_tool_use") or {}).get("web_search_requests") or 0,
            is_batch=usage.get("service_tier") == "batch",
        )

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.web_searches + other.web_searches,
            self.is_batch,
        )

    @property
    def prompt(self) -> int:
        return self.input_tokens + self.cache_write_tokens + self.cache_write_1h_tokens + self.cache_read_tokens

    @property
    def total(self) -> int:
        return self.prompt + self.output_tokens


def beside(usage: dict[str, Any], model: str) -> tuple[tuple[str, Tokens], ...]:
    """What was paid for besides the reply: summaries that Claude made of the context, and advisors, by their model."""
    iterations = usage.get("iterations") or ()
    parts = [part for part in iterations if part.get("type") in BESIDE]
    if len(parts) == len(iterations) and Tokens.from_usage(usage).total:
        return ()  # the request was nothing but that, and is counted
    return tuple((part.get("model") or model, Tokens.from_usage(part)) for part in parts)


def price_of(model: str, prompt_tokens: int) -> price_list.Tier | None:
    """The tier for a prompt of this size; None for a model that is not listed, also by a dated name of it."""
    tiers = price_list.current().tiers(model)
    if tiers is None:
        return None
    return next(tier for tier in tiers if tier.up_to is None or prompt_tokens <= tier.up_to)


def cost_nanousd(model: str, tokens: Tokens) -> int | None:
    """Billionths of a dollar; None where the model has no listed price."""
    price = price_of(model, tokens.prompt)
    if price is None:
        return None
    listed = price_list.current()
    dollars_per_million = (
        tokens.input_tokens * price.input
        + tokens.output_tokens * price.output
        + tokens.cache_write_tokens * price.write_5m
        + tokens.cache_write_1h_tokens * price.write_1h
        + tokens.cache_read_tokens * price.read
    )
    share = listed.batch if tokens.is_batch else 1.0
    searches = tokens.web_searches * listed.web_search / PER_THOUSAND
    return round((dollars_per_million * share / PER_MILLION + searches) * NANO)
