"""Environments: create, change, find, list, archive, delete. The built-in one has no row, and is nobody's here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlmodel import col

from overnight.environment_models import Environment, Poller, Work
from overnight.errors import EnvironmentArchived, InvalidRequest, NotFound
from overnight.ids import ENVIRONMENT, new_id
from overnight.models import DEFAULT_ENVIRONMENT, Session
from overnight.states import Life
from overnight.store.clock import now, read_clock
from overnight.store.listing import Cursor, paged
from overnight.store.rows import every, first

#: From what an environment says to what is different from now on.
Amend = Callable[[Environment], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class NewEnvironment:
    name: str
    description: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


def create(connection: Connection, workspace_id: str, new: NewEnvironment) -> Environment:
    environment_id, at = new_id(ENVIRONMENT), read_clock(connection)
    said = {"name": new.name, "description": new.description, "labels": new.labels}
    row = {"id": environment_id, "workspace_id": workspace_id, "created_at": at, "updated_at": at}
    connection.execute(insert(Environment).values(**row, **said))
    return find(connection, workspace_id, environment_id)


def find(connection: Connection, workspace_id: str, environment_id: str) -> Environment:
    """Raises `NotFound`, also for another workspace's."""
    return _found(connection, _mine(workspace_id, environment_id), environment_id)


def change(connection: Connection, workspace_id: str, environment_id: str, amend: Amend) -> Environment:
    """Raises `NotFound`, `EnvironmentArchived`, and what `amend` raises."""
    mine = _mine(workspace_id, environment_id)
    before = _found(connection, mine.with_for_update(), environment_id)
    if before.archived_at is not None:
        raise EnvironmentArchived(f"environment {environment_id} is archived and cannot be changed; create a new one")
    changes = {name: value for name, value in amend(before).items() if value != getattr(before, name)}
    if changes:
        here = col(Environment.id) == environment_id
        connection.execute(update(Environment).where(here).values(**changes, updated_at=now()))
    return find(connection, workspace_id, environment_id)


def archive(connection: Connection, workspace_id: str, environment_id: str) -> Environment:
    """No session begins in it any more; those that have go on. Twice is no error. Raises `NotFound`."""
    mine = (col(Environment.id) == environment_id, col(Environment.workspace_id) == workspace_id)
    is_open = col(Environment.archived_at).is_(None)
    connection.execute(update(Environment).where(*mine, is_open).values(archived_at=now(), updated_at=now()))
    return find(connection, workspace_id, environment_id)


def remove(connection: Connection, workspace_id: str, environment_id: str) -> None:
    """Raises `NotFound`, and `InvalidRequest` while it has sessions."""
    _found(connection, _mine(workspace_id, environment_id).with_for_update(), environment_id)
    has_sessions = select(col(Session.id)).where(
        col(Session.environment_id) == environment_id,
        col(Session.environment_id) != DEFAULT_ENVIRONMENT,  # which the index asks for
        col(Session.life) != Life.DELETED,
    )
    if connection.execute(has_sessions.limit(1)).first() is not None:
        remedy = f"archive it with POST /v1/environments/{environment_id}/archive, or delete its sessions first"
        raise InvalidRequest(f"environment {environment_id} has sessions and cannot be deleted; {remedy}")
    for table in (Work, Poller):
        connection.execute(delete(table).where(col(table.environment_id) == environment_id))
    connection.execute(delete(Environment).where(col(Environment.id) == environment_id))


def check_open(connection: Connection, workspace_id: str, environment_id: str) -> None:
    """For a new session, in whose transaction nobody archives or deletes it. Raises `InvalidRequest`."""
    if environment_id == DEFAULT_ENVIRONMENT:
        return
    found = first(connection, Environment, _mine(workspace_id, environment_id).with_for_update(read=True))
    if found is None:
        remedy = f"create one with POST /v1/environments, or use {DEFAULT_ENVIRONMENT}"
        message = f"environment_id: there is no environment {environment_id}; {remedy}"
        raise InvalidRequest(message, field="environment_id")
    if found.archived_at is not None:
        message = f"environment_id: environment {environment_id} is archived; use another one"
        raise InvalidRequest(message, field="environment_id")


def page(
    connection: Connection,
    workspace_id: str,
    *,
    limit: int,
    cursor: Cursor | None = None,
    include_archived: bool = False,
) -> Sequence[Environment]:
    """At most `limit` environments, newest first, older than `cursor`."""
    statement = select(Environment).where(col(Environment.workspace_id) == workspace_id)
    if not include_archived:
        statement = statement.where(col(Environment.archived_at).is_(None))
    return every(connection, Environment, paged(statement, Environment, limit=limit, cursor=cursor))


def _mine(workspace_id: str, environment_id: str) -> Any:
    return select(Environment).where(
        col(Environment.id) == environment_id, col(Environment.workspace_id) == workspace_id
    )


def _found(connection: Connection, statement: Any, environment_id: str) -> Environment:
    environment = first(connection, Environment, statement)
    if environment is None:
        raise NotFound(f"environment {environment_id} not found")
    return environment
