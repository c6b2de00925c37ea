"""Money as Managed Agents tells it: whole cents, as text. What is added up and compared is nano-dollars."""

from typing import Any

from overnight.pricing import NANO

CENT = NANO // 100
CURRENCY = "USD"


def amount(nanousd: int | None) -> dict[str, str] | None:
    """None: a model without a listed price was used, so nobody knows."""
    return None if nanousd is None else {"amount": str(round(nanousd / CENT)), "currency": CURRENCY}


def limit(nanousd: int | None, tokens: int | None = None) -> dict[str, Any] | None:
    """A budget; None: there is none. Tokens are ours, and told where they are limited."""
    if nanousd is None and tokens is None:
        return None
    cost = {} if nanousd is None else {"max_list_cost": amount(nanousd)}
    return {"type": "limit", **cost, **({} if tokens is None else {"max_tokens": tokens})}


def nanousd(cents: str) -> int:
    return int(cents) * CENT
