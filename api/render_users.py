"""Users, retention and tombstones, as the JSON that callers see."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from api import render_spending
from api.moments import time
from overnight.keeping_models import Tombstone
from overnight.store.retention import Periods
from overnight.store.users import Known


def user(known: Known) -> dict[str, Any]:
    return {
        "id": known.id,
        "type": "user",
        "profile": known.profile,
        "sessions": known.sessions,
        "open_sessions": known.open_sessions,
        "last_active_at": time(known.last_active_at),
        "budgets": [render_spending.budget(seen) for seen in known.budgets],
        "created_at": time(known.created_at),
        "updated_at": time(known.updated_at),
    }


def tombstone(row: Tombstone) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": "tombstone",
        "kind": row.kind,
        "subject_id": row.subject_id,
        "actor": row.actor,
        "removed": row.removed,
        "created_at": time(row.created_at),
        "finished_at": time(row.finished_at),
    }


def retention(own: Mapping[str, float | None], since: datetime | None, settings: Periods) -> dict[str, Any]:
    return {
        "type": "retention",
        "holds": asdict(settings.overridden(own)),
        "workspace": dict(own),
        "updated_at": time(since),
    }
