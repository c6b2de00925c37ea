"""What a session's next request will probably take, by its last one and what has come since."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlmodel import col

from overnight import prompt_cache
from overnight.ceilings import Amount
from overnight.guessing import in_text, in_words
from overnight.models import ModelCall
from overnight.pricing import Tokens, cost_nanousd
from overnight.store import ledger
from overnight.store.clock import now
from overnight.store.prepared import Prepared

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


#: Of a workspace's calls, so many of the newest tell what is usual.
NEWEST = 1_000


@dataclass(frozen=True, slots=True)
class Usual:
    """What tasks of an agent took on average, of late; `nanousd` None where a model has no listed price."""

    tasks: int
    requests: float
    prompt: int
    output: int
    nanousd: int | None

    @property
    def reply(self) -> int:
        return round(self.output / self.requests)


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
    holds = prompt_cache.HOLDS_LONG if last.cache_write_1h_tokens else prompt_cache.HOLDS
    if not held or last.now - last.created_at > holds:
        return Forecast(asking.model, _uncached(prompt + new, reply))
    written = round(last.input_tokens + new)
    return Forecast(asking.model, Tokens(0, reply, cache_write_tokens=written, cache_read_tokens=held))


def usual(connection: Connection, workspace_id: str, agent_id: str) -> Usual | None:
    """None where the agent has done nothing among the workspace's newest calls."""
    newest = (
        select(ModelCall)
        .where(col(ModelCall.workspace_id) == workspace_id)
        .order_by(col(ModelCall.created_at).desc())
        .limit(NEWEST)
        .subquery()
    ).c
    prompt = newest.input_tokens + newest.cache_write_tokens + newest.cache_read_tokens
    statement = select(
        func.count(newest.task_id.distinct()).label("tasks"),
        func.count().label("requests"),
        func.sum(prompt).label("prompt"),
        func.sum(newest.output_tokens).label("output"),
        func.sum(newest.cost_nanousd).label("nanousd"),
        func.count(newest.cost_nanousd).label("priced"),
    ).where(newest.agent_id == agent_id, newest.task_id.is_not(None))
    row = connection.execute(statement).one()
    if not row.tasks:
        return None
    nanousd = round(row.nanousd / row.tasks) if row.priced == row.requests else None
    return Usual(
        row.tasks, row.requests / row.tasks, round(row.prompt / row.tasks), round(row.output / row.tasks), nanousd
    )


def _uncached(prompt: float, reply: int) -> Tokens:
    whole = round(prompt)
    return Tokens(0, reply, cache_write_tokens=whole) if whole >= prompt_cache.SHORTEST else Tokens(whole, reply)


def _waiting_in_ledger(connection: Connection, asking: Asking) -> float:
    """What the ledger ends with that Claude has not seen: results of tools."""
    tail: list[dict[str, Any]] = []
    for row in ledger.load(connection, asking.session_id, max(asking.ledger_seq - 2, 0)):
        tail = [] if row.role == "assistant" else [*tail, *row.content]
    return in_text(tail)
