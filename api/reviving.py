"""Tasks for sessions that have ended: to the one that goes on for it, or it goes on where its workspace says so."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from api.parts import idle_check
from overnight.errors import NotFound, SessionClosed
from overnight.settings import Settings
from overnight.states import Life
from overnight.store import endings, reviving, sessions

T = TypeVar("T")


def submitted(
    connection: Connection, workspace_id: str, session_id: str, settings: Settings, submit: Callable[[str], T]
) -> T:
    """What `submit` gives for the session. Raises what it raises."""
    try:
        return submit(session_id)
    except SessionClosed:
        if not _goes_on(connection, workspace_id, session_id, settings):
            raise
    return submit(session_id)


def forwarded(
    connection: Connection, workspace_id: str, session_id: str, settings: Settings, submit: Callable[[str], T]
) -> T:
    """The same, or for the session that goes on for it."""
    while True:
        try:
            return submitted(connection, workspace_id, session_id, settings, submit)
        except SessionClosed:
            successor = sessions.get(connection, workspace_id, session_id).continued_by
            if successor is None or not _is_there(connection, workspace_id, successor):
                raise
            session_id = successor


def _goes_on(connection: Connection, workspace_id: str, session_id: str, settings: Settings) -> bool:
    row = sessions.get(connection, workspace_id, session_id)
    said = endings.of_workspace(connection, workspace_id)
    if row.life != Life.ARCHIVED or row.continued_by is not None or said.resume is None:
        return False
    look = idle_check(settings, said.expiry, row.expiry)
    return reviving.revive_as_can_be(connection, workspace_id, session_id, said.resume, idle_check=look).changed


def _is_there(connection: Connection, workspace_id: str, session_id: str) -> bool:
    try:
        return bool(sessions.get(connection, workspace_id, session_id))
    except NotFound:
        return False
