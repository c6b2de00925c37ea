"""Snapshots and comparisons as the JSON that callers see."""

from typing import Any

from api import render
from api.moments import time
from overnight.session_models import Snapshot
from overnight.store.lineage import Comparison, Side


def snapshot(row: Snapshot) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": "snapshot",
        "session_id": row.session_id,
        "name": row.name,
        "at": row.at,
        "context": row.context,
        "created_at": time(row.created_at),
    }


def comparison(found: Comparison) -> dict[str, Any]:
    one, other = found.sides
    common = None if found.common is None else {"session_id": found.common[0], "at": found.common[1]}
    return {"type": "comparison", "common": common, "snapshot": _side(one), "other": _side(other)}


def _side(side: Side) -> dict[str, Any]:
    return {
        "session_id": side.session_id,
        "at": side.at,
        "messages": side.messages,
        "usage": render.usage(side.used),
        "cost_usd": render.cost_usd(side.used),
    }
