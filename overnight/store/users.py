"""Users, by the ids that callers give them: what is known of them, and which of them there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlmodel import SQLModel, col

from overnight.budget_models import Budget
from overnight.errors import NotFound
from overnight.keeping_models import Transcript, User
from overnight.models import ModelCall, Session, Task
from overnight.profiles import with_profile
from overnight.states import Life
from overnight.store import shared_budgets
from overnight.store.clock import read_clock
from overnight.store.rows import every, first

#: Budgets of one user: one of each period.
BUDGETS = 10
#: From the profile as it is to the one that is to be. May refuse it.
Amend = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Known:
    """A user as far as the workspace knows of him. `created_at` None: nobody has said anything about him yet."""

    id: str
    profile: dict[str, Any]
    sessions: int
    open_sessions: int
    last_active_at: datetime | None
    budgets: Sequence[shared_budgets.Seen]
    created_at: datetime | None
    updated_at: datetime | None


def find(connection: Connection, workspace_id: str, user_id: str) -> Known:
    """Also one without a profile, who has sessions, tasks, budgets, costs or transcripts. Raises `NotFound`."""
    row = first(connection, User, _mine(workspace_id, user_id))
    if row is None and not has_data(connection, workspace_id, user_id):
        raise NotFound(f"user {user_id} not found")
    return _known(connection, workspace_id, user_id, row)


def profile(connection: Connection, workspace_id: str, user_id: str) -> dict[str, Any]:
    """Empty for whoever has none."""
    row = first(connection, User, _mine(workspace_id, user_id))
    return {} if row is None else row.profile


def introduced(connection: Connection, workspace_id: str, user_id: str | None, system: str | None) -> str | None:
    """The system prompt with what is known of the user now, in the place of what was known before of whomever."""
    return with_profile(system, {} if user_id is None else profile(connection, workspace_id, user_id))


def change(connection: Connection, workspace_id: str, user_id: str, amend: Amend) -> Known:
    """Keeps the profile that `amend` makes of the one before. Raises what that raises.

    `IntegrityError` where somebody else has just made the same user: try again.
    """
    at = read_clock(connection)
    before = first(connection, User, _mine(workspace_id, user_id).with_for_update())
    facts = amend({} if before is None else before.profile)
    if before is None:
        row = {"workspace_id": workspace_id, "id": user_id, "profile": facts, "created_at": at, "updated_at": at}
        connection.execute(insert(User).values(**row))
    elif facts != before.profile:
        here = (col(User.workspace_id) == workspace_id, col(User.id) == user_id)
        connection.execute(update(User).where(*here).values(profile=facts, updated_at=at))
    return find(connection, workspace_id, user_id)


def page(connection: Connection, workspace_id: str, *, limit: int, after: str | None) -> list[Known]:
    """At most `limit` of those of whom somebody said something, in the order of their ids, after `after`."""
    statement = select(User).where(col(User.workspace_id) == workspace_id)
    if after is not None:
        statement = statement.where(col(User.id) > after)
    rows = every(connection, User, statement.order_by(col(User.id)).limit(limit))
    return [_known(connection, workspace_id, row.id, row) for row in rows]


def has_data(connection: Connection, workspace_id: str, user_id: str) -> bool:
    """Whether anything but a profile bears this id. Deleted sessions do not count."""
    return any(
        connection.execute(statement.limit(1)).first() is not None
        for statement in (
            _of(Session, workspace_id, user_id).where(col(Session.life) != Life.DELETED),
            *(_of(table, workspace_id, user_id) for table in (Task, Transcript, Budget, ModelCall)),
        )
    )


def _of(table: type[SQLModel], workspace_id: str, user_id: str) -> Any:
    columns = table.__table__.c  # type: ignore[attr-defined]
    return select(columns.id).where(columns.workspace_id == workspace_id, columns.user_id == user_id)


def _known(connection: Connection, workspace_id: str, user_id: str, row: User | None) -> Known:
    is_open = col(Session.life).in_([Life.ACTIVE, Life.PAUSED])
    counted = select(func.count(), func.count().filter(is_open), func.max(col(Session.updated_at))).where(
        col(Session.workspace_id) == workspace_id,
        col(Session.user_id) == user_id,
        col(Session.life) != Life.DELETED,
    )
    sessions, open_sessions, last = connection.execute(counted).one()
    budgets = shared_budgets.page(connection, workspace_id, user_id, limit=BUDGETS, cursor=None)
    said = (None, None) if row is None else (row.created_at, row.updated_at)
    return Known(user_id, {} if row is None else row.profile, sessions, open_sessions, last, budgets, *said)


def _mine(workspace_id: str, user_id: str) -> Any:
    return select(User).where(col(User.workspace_id) == workspace_id, col(User.id) == user_id)
