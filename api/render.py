"""Rows as the JSON that callers see. By hand: this is on the path of every request."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from api import render_agents, render_calls
from api.moments import time
from api.parts import limits_of
from overnight import event_types, expiry, money
from overnight.models import Message, Task, ToolCall, Usage
from overnight.settings import Settings
from overnight.states import Life
from overnight.store import endings
from overnight.store.budget_words import usd
from overnight.store.sent import Sent
from overnight.store.session_pages import Seen


def usage(row: Usage) -> dict[str, Any]:
    return {
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cache_creation_input_tokens": row.cache_write_tokens,
        "cache_read_input_tokens": row.cache_read_tokens,
    }


def cost_usd(row: Usage) -> float | None:
    return usd(row.cost_nanousd)


def task(row: Task, pending: Sequence[ToolCall] = ()) -> dict[str, Any]:
    """`pending`: the calls for which it waits for somebody."""
    return {
        "id": row.id,
        "type": "task",
        "session_id": row.session_id,
        "status": row.status,
        "wait_reason": row.wait_reason,
        "due_at": time(row.due_at),
        "attempts": row.attempts,
        "steps": row.steps,
        "max_steps": row.max_steps,
        "deadline": time(row.deadline),
        "priority": row.priority,
        "budget": _budget(row),
        "progress": row.progress,
        "pending": [render_calls.pending(call) for call in pending],
        "output": row.output,
        "error": row.error,
        "stop_reason": row.stop_reason,
        "usage": usage(row),
        "cost_usd": cost_usd(row),
        "user_id": row.user_id,
        "agent": agent(row),
        "metadata": row.labels,
        "created_at": time(row.created_at),
        "started_at": time(row.started_at),
        "finished_at": time(row.finished_at),
    }


def agent(row: Task | Message) -> dict[str, Any] | None:
    """Whose turn it is; None: the session's own agent's."""
    return None if row.agent_id is None else {"id": row.agent_id, "version": row.agent_version}


def _budget(row: Task) -> dict[str, Any] | None:
    if row.budget_nanousd is None and row.budget_tokens is None:
        return None
    return {"max_usd": usd(row.budget_nanousd), "max_tokens": row.budget_tokens}


def session(seen: Seen, settings: Settings) -> dict[str, Any]:
    row = seen.session
    last_active = row.idle_since or row.updated_at
    return {
        "id": row.id,
        "type": "session",
        "status": seen.status,
        "agent": render_agents.of_session(seen),
        "environment_id": row.environment_id,
        "deployment_id": None,
        "title": row.title,
        "metadata": row.labels,
        "resources": [],
        "vault_ids": [],
        "budget": money.limit(row.budget_nanousd, row.budget_tokens),
        "outcome_evaluations": [],
        "stats": {},
        "usage": {**usage(row), "list_cost": money.amount(row.cost_nanousd)},
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
        "archived_at": time(row.archived_at),
        "context_key": row.context_key,
        "user_id": row.user_id,
        "model": row.model,
        "max_tokens": row.max_tokens,
        "summary": row.summary,
        "archive_reason": row.archive_reason,
        "notes": row.notes,
        "state": seen.state,
        "wait_reason": seen.wait_reason,
        "message_count": row.ledger_seq,
        "last_active_at": time(last_active),
        "duration_seconds": (last_active - row.created_at).total_seconds(),
        "expires_at": time(_expires_at(seen, settings)),
        "paused_at": time(row.paused_at),
        "forked_from": row.forked_from,
        "forked_at": row.forked_at,
        "cost_usd": cost_usd(row),
        "expiry": row.expiry,
        "kept_until": time(row.kept_until),
        "archiving_since": time(row.archiving_since),
        "continues": row.continues,
        "continued_by": row.continued_by,
    }


def _expires_at(seen: Seen, settings: Settings) -> datetime | None:
    row, agent = seen.session, seen.agent
    if row.life != Life.ACTIVE:
        return None
    limits = limits_of(settings).narrowed(seen.said, agent.expiry if agent else None, row.expiry)
    end = expiry.ends(limits, row.created_at, row.idle_since, endings.standing(row))
    return end[1] if end else None


def event(row: Any) -> dict[str, Any]:
    """From `store.events.Seen`. What a user said is processed when its task starts; all else when it is written."""
    said = row.type in event_types.SAID
    processed_at = (row.started_at or row.finished_at) if said else row.created_at
    shown = {"id": row.id, "type": row.type, "processed_at": time(processed_at), **row.payload}
    return shown if row.task_id is None else {**shown, "task_id": row.task_id}


def message(row: Message, *, pinned: bool) -> dict[str, Any]:
    return {
        "id": row.message_id,
        "seq": row.seq,
        "role": row.role,
        "content": row.content,
        "model": row.model,
        "stop_reason": row.stop_reason,
        "task_id": row.task_id,
        "agent": agent(row),
        "context": row.context,
        "pinned": pinned,
        "created_at": time(row.created_at),
    }


def sent(found: Sent, system: str | None) -> dict[str, Any]:
    """What a reply was asked with."""
    return {
        "data": found.messages,
        "next_page": None,
        "system": system,
        "context": found.number,
        "context_from": found.begin_after,
    }
