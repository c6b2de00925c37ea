"""What a session's next request will probably take, by its last one and what has come since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlmodel import col

from overnight.ceilings import Amount
from overnight.guessing import in_text, in_words
from overnight.models import ModelCall
from overnight.pricing import Tokens, cost_nanousd
from overnight.store import ledger
from overnight.store.clock import now
from overnight.store.prepared import Prepared

#: Claude's prompt cache holds five minutes or an hour; less the time until the request is there.
CACHED_FOR, CACHED_LONG = timedelta(seconds=270), timedelta(seconds=3_540)
#: Shorter prompts are not cached.
CACHED_FROM = 1_024

LAST = Prepared(
    select(
        col(ModelCall.input_tokens),
        col(ModelCall.output_tokens),
        col(ModelCall.cache_write_tokens),
        col(ModelCall.cache_write_1h_tokens),
        col(ModelCall.cache_read_tokens),
        col(ModelCall.created_at),
        now().label("now"),
    )
    .where(col(ModelCall.session_id) == bindparam("session_id"), col(ModelCall.purpose) == "step")
    .order_by(col(ModelCall.created_at).desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and what is said that the ledger does not have yet."""

    session_id: str
    ledger_seq: int
    model: str
    system: str | None
    max_tokens: int
    said: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Forecast:
    """Tokens of one request; those of the reply as of the last one, 0 where there was none."""

    model: str
    tokens: Tokens

    @property
    def amount(self) -> Amount:
        return Amount(cost_nanousd(self.model, self.tokens), self.tokens.total)


def next_call(connection: Connection, asking: Asking) -> Forecast:
    """Takes the prompt cache at its word: what it holds is counted as read from it."""
    last = LAST.first(connection, {"session_id": asking.session_id})
    if last is None:
        fresh = in_words(asking.system) + in_text(asking.said) + _waiting_in_ledger(connection, asking)
        return Forecast(asking.model, _uncached(fresh, reply=0))
    prompt = last.input_tokens + last.cache_write_tokens + last.cache_read_tokens
    new = last.output_tokens + in_text(asking.said) + _waiting_in_ledger(connection, asking)
    reply = min(last.output_tokens, asking.max_tokens)
    held = last.cache_write_tokens + last.cache_read_tokens
    holds = CACHED_LONG if last.cache_write_1h_tokens else CACHED_FOR
    if not held or last.now - last.created_at > holds:
        return Forecast(asking.model, _uncached(prompt + new, reply))
    written = round(last.input_tokens + new)
    return Forecast(asking.model, Tokens(0, reply, cache_write_tokens=written, cache_read_tokens=held))


def _uncached(prompt: float, reply: int) -> Tokens:
    whole = round(prompt)
    return Tokens(0, reply, cache_write_tokens=whole) if whole >= CACHED_FROM else Tokens(whole, reply)


def _waiting_in_ledger(connection: Connection, asking: Asking) -> float:
    """What the ledger ends with that Claude has not seen: results of tools."""
    tail: list[dict[str, Any]] = []
    for row in ledger.load(connection, asking.session_id, max(asking.ledger_seq - 2, 0)):
        tail = [] if row.role == "assistant" else [*tail, *row.content]
    return in_text(tail)
