"""The metadata of sessions as rows to find them by; what it is stands in the session itself."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Select, delete, select
from sqlmodel import col

from overnight.models import Session
from overnight.session_models import SessionLabel
from overnight.store.bulk import insert_rows


def write(connection: Connection, workspace_id: str, session_id: str, labels: Mapping[str, str]) -> None:
    """In place of those that there are, in the transaction that writes them into the session."""
    connection.execute(delete(SessionLabel).where(col(SessionLabel.session_id) == session_id))
    add(connection, workspace_id, session_id, labels)


def add(connection: Connection, workspace_id: str, session_id: str, labels: Mapping[str, str]) -> None:
    """Of a new session."""
    fixed = {"session_id": session_id, "workspace_id": workspace_id}
    insert_rows(connection, SessionLabel, [{**fixed, "name": name, "value": labels[name]} for name in sorted(labels)])


def carried(workspace_id: str, wanted: Mapping[str, str | None]) -> list[ColumnElement[bool]]:
    """Conditions on sessions: each of these names is there, with its value where one is given."""
    return [col(Session.id).in_(_with(workspace_id, name, value)) for name, value in wanted.items()]


def _with(workspace_id: str, name: str, value: str | None) -> Select[str]:
    found = select(col(SessionLabel.session_id)).where(
        col(SessionLabel.workspace_id) == workspace_id, col(SessionLabel.name) == name
    )
    return found if value is None else found.where(col(SessionLabel.value) == value)
