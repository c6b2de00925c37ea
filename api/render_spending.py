"""Budgets and what was spent, as the JSON that callers see."""

from typing import Any

from api import render
from api.moments import time
from overnight import money
from overnight.models import ModelCall, Session, Usage
from overnight.store.budget_words import usd
from overnight.store.packs import Stored
from overnight.store.shared_budgets import Seen
from overnight.store.usage import Group


def budget(seen: Seen) -> dict[str, Any]:
    row, spent = seen.budget, seen.standing.spent
    return {
        "id": row.id,
        "type": "budget",
        "user_id": row.user_id or None,
        "period": row.period,
        "max_usd": usd(row.max_nanousd),
        "max_tokens": row.max_tokens,
        "spent_usd": usd(spent.nanousd),
        "spent_tokens": spent.tokens,
        "renews_at": time(seen.standing.renews_at),
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


def group(row: Group) -> dict[str, Any]:
    return {
        **{name: value or None for name, value in row.key.items()},
        "requests": row.requests,
        "unpriced_requests": row.unpriced,
        "usage": _paid(row.sums),
        "cost_usd": usd(row.sums.cost_nanousd),
    }


def call(row: ModelCall) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": "model_call",
        "task_id": row.task_id,
        "model": row.model,
        "purpose": row.purpose,
        "outcome": row.outcome,
        "usage": _paid(row),
        "cost_usd": usd(row.cost_nanousd),
        "duration_ms": row.duration_ms,
        "created_at": time(row.created_at),
    }


def storage(stored: Stored | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    return {"packed_rows": stored.rows, "bytes_before": stored.before, "bytes_after": stored.after}


def session(row: Session) -> dict[str, Any]:
    return {
        "session_id": row.id,
        "type": "session_usage",
        "usage": render.usage(row),
        "cost_usd": render.cost_usd(row),
        "cached_share": _cached_share(row),
        "budget": money.limit(row.budget_nanousd, row.budget_tokens),
    }


def _paid(row: Any) -> dict[str, Any]:
    hourly = row.cache_write_1h_tokens
    writes = {
        "ephemeral_5m_input_tokens": row.cache_write_tokens - hourly,
        "ephemeral_1h_input_tokens": hourly,
    }
    tools = {"web_search_requests": row.web_searches}
    return {**render.usage(row), "cache_creation": writes, "server_tool_use": tools}


def _cached_share(row: Usage) -> float | None:
    prompts = row.input_tokens + row.cache_write_tokens + row.cache_read_tokens
    return round(row.cache_read_tokens / prompts, 4) if prompts else None
