"""Environments and their work as the JSON that callers see."""

from typing import Any

from api.moments import time
from overnight.environment_models import Environment, Work
from overnight.store.work_pages import Stats
from overnight.store.work_turns import Beat


def environment(row: Environment) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": "environment",
        "name": row.name,
        "config": {"type": "self_hosted"},
        "description": row.description,
        "metadata": row.labels,
        "scope": "organization",
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
        "archived_at": time(row.archived_at),
    }


def work(row: Work) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": "work",
        "environment_id": row.environment_id,
        "data": {"type": "session", "id": row.session_id},
        "state": row.state,
        "metadata": row.labels,
        "secret": None,
        "created_at": time(row.created_at),
        "acknowledged_at": time(row.acknowledged_at),
        "started_at": time(row.started_at),
        "latest_heartbeat_at": time(row.heartbeat_at),
        "stop_requested_at": time(row.stop_requested_at),
        "stopped_at": time(row.stopped_at),
    }


def heartbeat(beat: Beat) -> dict[str, Any]:
    return {"type": "work_heartbeat", **_lease(beat), "last_heartbeat": time(beat.work.heartbeat_at) or ""}


def current_state(beat: Beat) -> dict[str, Any]:
    """Of one that is lost, as its error tells it."""
    return {**_lease(beat), "last_heartbeat": time(beat.work.heartbeat_at)}


def stats(found: Stats) -> dict[str, Any]:
    return {
        "type": "work_queue_stats",
        "depth": found.depth,
        "pending": found.pending,
        "oldest_queued_at": time(found.oldest),
        "workers_polling": found.workers,
    }


def _lease(beat: Beat) -> dict[str, Any]:
    return {"state": beat.work.state, "lease_extended": beat.extended, "ttl_seconds": beat.work.ttl}
