"""Rows that go for good, a bounded batch at a time: whoever does it may stop anywhere, and another goes on."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select, update
from sqlmodel import SQLModel, col

from overnight.archive_models import Pack, Packing
from overnight.budget_models import Budget
from overnight.context_models import Context, Pin
from overnight.environment_models import Work
from overnight.ids import BUDGET
from overnight.keeping_models import Tombstone, Transcript, User
from overnight.models import Event, Message, ModelCall, Session, Task, ToolCall
from overnight.session_models import SessionLabel, Snapshot
from overnight.states import Life, Removal, WaitReason
from overnight.store import retention, sessions, shared_budgets, tombstones, transcripts
from overnight.store.retention import Outlived
from overnight.store.rows import first

NUMBERED = (
    (Message, col(Message.seq)),
    (Event, col(Event.seq)),
    (Pin, col(Pin.seq)),
    (Context, col(Context.number)),
    (SessionLabel, col(SessionLabel.name)),
    (Pack, col(Pack.first_seq)),
    (Packing, col(Packing.session_id)),
)
#: Sessions that are hidden in one transaction.
HIDDEN = 50


def retire(connection: Connection, outlived: Outlived) -> bool:
    """Deletes a session that is kept no longer, unless it has been used since it was found."""
    row = first(connection, Session, select(Session).where(col(Session.id) == outlived.session_id).with_for_update())
    if row is None or retention.since(row) != outlived.since:
        return False
    sessions.delete(connection, outlived.workspace_id, outlived.session_id)
    return True


def purge(connection: Connection, session_id: str, batch: int = 2_000) -> bool:
    """Removes at most `batch` rows of each kind; True when nothing of the session is left, but what it has cost."""
    session = first(connection, Session, select(Session).where(col(Session.id) == session_id).with_for_update())
    if session is None:
        return True
    removed = dict(_some_rows(connection, session_id, batch))
    is_gone = not removed
    if is_gone:
        connection.execute(delete(Session).where(col(Session.id) == session_id))
        removed = {Session.__tablename__: 1}
    stone = tombstones.under_way(connection, session.workspace_id, Removal.SESSION, session_id)
    if stone is not None:
        tombstones.add(connection, stone, removed, finished=is_gone)
    return is_gone


def forget_user(connection: Connection, workspace_id: str, user_id: str, actor: str) -> Tombstone:
    """Begins to erase all of a user's data: what is known of him goes at once."""
    stone = tombstones.begin(connection, workspace_id, Removal.USER, user_id, actor)
    here = (col(User.workspace_id) == workspace_id, col(User.id) == user_id)
    if connection.execute(delete(User).where(*here)).rowcount:
        tombstones.add(connection, stone, {User.__tablename__: 1}, finished=False)
    return stone


def hide_some(connection: Connection, stone: Tombstone) -> Sequence[str]:
    """Deletes a batch of the user's sessions: nobody sees them any more. Gives their ids."""
    here = select(col(Session.id)).where(*_sessions_of(stone), col(Session.life) != Life.DELETED)
    found = connection.execute(here.limit(HIDDEN)).scalars().all()
    for session_id in sorted(found):
        sessions.delete(connection, stone.workspace_id, session_id, actor=stone.actor)
    # Of one that was nobody's, only its tasks say whose it is, and they go first.
    connection.execute(update(Session).where(col(Session.id).in_(found)).values(user_id=stone.subject_id))
    return found


def hidden(connection: Connection, stone: Tombstone) -> Sequence[str]:
    """A batch of those whose rows are still there."""
    here = select(col(Session.id)).where(*_sessions_of(stone), col(Session.life) == Life.DELETED)
    return connection.execute(here.limit(HIDDEN)).scalars().all()


def erase_some(connection: Connection, stone: Tombstone, batch: int = 2_000) -> bool:
    """Of a user whose sessions are gone: the rest, a batch of it; True when nothing names him any more, but the stone.

    What others wrote stays: in their sessions his tasks lose his name, and so do the calls that were paid for.
    """
    removed = _some_of_the_rest(connection, stone, batch)
    tombstones.add(connection, stone, removed, finished=not removed)
    return not removed


def _some_rows(connection: Connection, session_id: str, batch: int) -> Mapping[str, int]:
    removed = {}
    for table, key in NUMBERED:
        rows = select(key).where(col(table.session_id) == session_id).limit(batch).scalar_subquery()
        removed[table.__tablename__] = connection.execute(
            delete(table).where(col(table.session_id) == session_id, key.in_(rows))
        ).rowcount
    for owned in (ToolCall, Task, Work, Snapshot):
        ids = select(col(owned.id)).where(col(owned.session_id) == session_id).limit(batch).scalar_subquery()
        removed[owned.__tablename__] = connection.execute(delete(owned).where(col(owned.id).in_(ids))).rowcount
    return {name: rows for name, rows in removed.items() if rows}


def _some_of_the_rest(connection: Connection, stone: Tombstone, batch: int) -> dict[str, int]:
    mine = (col(Transcript.workspace_id) == stone.workspace_id, col(Transcript.user_id) == stone.subject_id)
    if removed := transcripts.remove_some(connection, select(Transcript).where(*mine), batch):
        return removed
    if unnamed := _unname(connection, Task, stone, batch, col(Task.session_id).in_(_taken(connection, stone, batch))):
        return {"tasks_unnamed": unnamed}
    if unnamed := _unname(connection, ModelCall, stone, batch):
        return {"model_calls_unnamed": unnamed}
    return _without_budgets(connection, stone)


def _taken(connection: Connection, stone: Tombstone, batch: int) -> Sequence[str]:
    """Where he spoke: what a reply costs that is just being written has his name before, or not at all."""
    mine = (col(Task.workspace_id) == stone.workspace_id, col(Task.user_id) == stone.subject_id)
    spoken = select(col(Task.session_id)).where(*mine).limit(batch)
    theirs = select(col(Session.id)).where(col(Session.id).in_(spoken.scalar_subquery())).order_by(col(Session.id))
    return connection.execute(theirs.with_for_update()).scalars().all()


def _unname(connection: Connection, table: type[SQLModel], stone: Tombstone, batch: int, *which: Any) -> int:
    columns = table.__table__.c  # type: ignore[attr-defined]
    mine = (columns.workspace_id == stone.workspace_id, columns.user_id == stone.subject_id)
    ids = select(columns.id).where(*mine, *which).limit(batch).scalar_subquery()
    return connection.execute(update(table).where(columns.id.in_(ids)).values(user_id=None)).rowcount


def _without_budgets(connection: Connection, stone: Tombstone) -> dict[str, int]:
    """One at a time, and whoever waits for it goes on: sessions are locked before budgets, as everywhere."""
    mine = (col(Budget.workspace_id) == stone.workspace_id, col(Budget.user_id) == stone.subject_id)
    budget_id = connection.execute(select(col(Budget.id)).where(*mine).limit(1)).scalar_one_or_none()
    if budget_id is None:
        return _let_go_on(connection, stone)
    while shared_budgets.let_go_on(connection, stone.workspace_id, budget_id)[0]:
        pass
    shared_budgets.remove(connection, stone.workspace_id, budget_id)
    return {Budget.__tablename__: 1}


def _let_go_on(connection: Connection, stone: Tombstone) -> dict[str, int]:
    """Those who began to wait while their budget went."""
    known = select(col(Budget.id)).where(col(Budget.id) == col(Task.held_by)).correlate(Task).exists()
    orphans = select(col(Task.held_by)).where(
        col(Task.workspace_id) == stone.workspace_id,
        col(Task.wait_reason) == WaitReason.BUDGET,
        col(Task.held_by).startswith(f"{BUDGET}_", autoescape=True),
        col(Task.due_at).is_(None),
        ~known,
    )
    gone = [held for held in connection.execute(orphans.distinct().limit(HIDDEN)).scalars() if held is not None]
    let_go = sum(shared_budgets.let_go_on(connection, stone.workspace_id, budget_id)[0] for budget_id in gone)
    return {"tasks_let_go": let_go} if let_go else {}


def _sessions_of(stone: Tombstone) -> tuple[Any, ...]:
    """His own, and those of nobody in which only he has spoken."""
    spoken = select(col(Task.session_id)).where(
        col(Task.workspace_id) == stone.workspace_id, col(Task.user_id) == stone.subject_id
    )
    another = select(col(Task.id)).where(col(Task.session_id) == col(Session.id), col(Task.user_id) != stone.subject_id)
    nobody_s = and_(col(Session.user_id).is_(None), col(Session.id).in_(spoken), ~another.correlate(Session).exists())
    return col(Session.workspace_id) == stone.workspace_id, or_(col(Session.user_id) == stone.subject_id, nobody_s)
