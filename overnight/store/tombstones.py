"""The audit log of what was removed: a tombstone is made when that begins, and tells how far it is."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from overnight.ids import TOMBSTONE, new_id
from overnight.keeping_models import Tombstone
from overnight.states import Removal
from overnight.store.clock import now, read_clock
from overnight.store.listing import Cursor, paged
from overnight.store.rows import every, first

#: As an actor: what is past the time for which it is kept.
RETENTION = "retention"


def begin(connection: Connection, workspace_id: str, kind: Removal, subject_id: str, actor: str) -> Tombstone:
    """That `actor` wants it removed; where its removal is under way, that one's.

    Raises `IntegrityError` where another has just begun: try again.
    """
    known = under_way(connection, workspace_id, kind, subject_id)
    if known is not None:
        return known
    made = Tombstone(
        id=new_id(TOMBSTONE),
        workspace_id=workspace_id,
        kind=kind,
        subject_id=subject_id,
        actor=actor,
        removed={},
        created_at=read_clock(connection),
    )
    connection.execute(insert(Tombstone).values(made.model_dump()))
    return made


def under_way(connection: Connection, workspace_id: str, kind: Removal, subject_id: str) -> Tombstone | None:
    return first(
        connection,
        Tombstone,
        select(Tombstone)
        .where(
            col(Tombstone.workspace_id) == workspace_id,
            col(Tombstone.kind) == kind,
            col(Tombstone.subject_id) == subject_id,
            col(Tombstone.finished_at).is_(None),
        )
        .with_for_update(),
    )


def latest(connection: Connection, workspace_id: str, kind: Removal, subject_id: str) -> Tombstone | None:
    """The newest of this subject, finished or not."""
    mine = (
        col(Tombstone.workspace_id) == workspace_id,
        col(Tombstone.kind) == kind,
        col(Tombstone.subject_id) == subject_id,
    )
    return first(connection, Tombstone, select(Tombstone).where(*mine).order_by(col(Tombstone.created_at).desc()))


def removed(connection: Connection, kind: Removal, subjects: Collection[str]) -> Sequence[str]:
    """Those of `subjects` that were removed, or are being."""
    of_them = (col(Tombstone.subject_id).in_(subjects), col(Tombstone.kind) == kind)
    return connection.execute(select(col(Tombstone.subject_id)).where(*of_them).distinct()).scalars().all()


def unfinished(connection: Connection, kind: Removal, batch: int) -> Sequence[Tombstone]:
    """The oldest of them."""
    statement = select(Tombstone).where(col(Tombstone.kind) == kind, col(Tombstone.finished_at).is_(None))
    return every(connection, Tombstone, statement.order_by(col(Tombstone.created_at)).limit(batch))


def add(connection: Connection, stone: Tombstone, removed: Mapping[str, int], *, finished: bool) -> None:
    """Counts rows that this transaction has removed."""
    here = select(Tombstone).where(col(Tombstone.id) == stone.id).with_for_update()
    row = first(connection, Tombstone, here)
    if row is None or row.finished_at is not None:
        return
    total = {name: row.removed.get(name, 0) + removed.get(name, 0) for name in sorted({*row.removed, *removed})}
    end = {"finished_at": now()} if finished else {}
    connection.execute(update(Tombstone).where(col(Tombstone.id) == stone.id).values(removed=total, **end))


def page(
    connection: Connection, workspace_id: str, subject_id: str | None, *, limit: int, cursor: Cursor | None
) -> Sequence[Tombstone]:
    """Newest first; with `subject_id` only those of that session or user."""
    statement = select(Tombstone).where(col(Tombstone.workspace_id) == workspace_id)
    if subject_id is not None:
        statement = statement.where(col(Tombstone.subject_id) == subject_id)
    return every(connection, Tombstone, paged(statement, Tombstone, limit=limit, cursor=cursor))
