"""What forking does in its transaction: from a point of the ledger, or from a snapshot."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from api import render
from api.idempotent import Outcome
from api.parts import idle_check
from api.schemas_lives import Branch, ForkRequest
from overnight.errors import InvalidRequest
from overnight.settings import Settings
from overnight.store import forks, session_pages, sessions, snapshots
from overnight.store.idempotency import Answer


def fork(
    connection: Connection, workspace_id: str, session_id: str, request: ForkRequest, settings: Settings
) -> Outcome:
    """Raises `NotFound`, `InvalidRequest`."""
    changes = _changes(connection, workspace_id, session_id, request)
    look = idle_check(settings)
    new_id = forks.fork(connection, workspace_id, session_id, request.at, changes, idle_check=look)
    return _outcome(connection, workspace_id, new_id, settings)


def restore(
    connection: Connection, workspace_id: str, session_id: str, snapshot_id: str, request: Branch, settings: Settings
) -> Outcome:
    """Raises `NotFound`, `InvalidRequest`."""
    changes = _changes(connection, workspace_id, session_id, request)
    look = idle_check(settings)
    new_id = snapshots.restore(connection, workspace_id, session_id, snapshot_id, changes, idle_check=look)
    return _outcome(connection, workspace_id, new_id, settings)


def _changes(connection: Connection, workspace_id: str, session_id: str, request: Branch) -> Mapping[str, Any]:
    parent = sessions.get(connection, workspace_id, session_id)
    if request.context_key and sessions.find_open(connection, workspace_id, request.context_key, parent.agent_id):
        why = "an open session of the agent has it already; use another key"
        raise InvalidRequest(f"context_key: {why}", field="context_key")
    return request.changes()


def _outcome(connection: Connection, workspace_id: str, new_id: str, settings: Settings) -> Outcome:
    seen = session_pages.find(connection, workspace_id, new_id)
    return Outcome(new_id, Answer(200, render.session(seen, settings)))
