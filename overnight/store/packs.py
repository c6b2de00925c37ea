"""Archived sessions out of the hot tables: their rows together and compressed, a bounded batch at a time.

Whoever packs may be killed anywhere: each batch is one transaction under the session's lock, and another goes on.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select
from sqlmodel import SQLModel, col

from overnight.archive_models import Pack, Packing
from overnight.models import Event, Message, Session
from overnight.states import Life, Record
from overnight.store.clock import after, ago, read_clock
from overnight.store.copying import copy_rows

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Rows of a pack: enough to compress well, few enough to be read for one page.
ROWS = 400
LEVEL = 9
#: Seconds for which a session stays as it is after it was archived: somebody may look at it, or change their mind.
PATIENCE = 60.0
TABLES: dict[Record, type[SQLModel]] = {Record.MESSAGES: Message, Record.EVENTS: Event}
RECORDS = {table: record for record, table in TABLES.items()}


@dataclass(frozen=True, slots=True)
class Stored:
    """Of what is packed: rows, the bytes that their JSON has, and the bytes that are stored of it."""

    rows: int
    before: int
    after: int


def plan(connection: Connection, workspace_id: str, session_id: str) -> None:
    """To be packed before long; of a session that has just been archived."""
    connection.execute(insert(Packing).values(session_id=session_id, workspace_id=workspace_id, due_at=after(PATIENCE)))


def due(connection: Connection, batch: int) -> Sequence[str]:
    """The ids of archived sessions that are to be packed now."""
    statement = select(col(Packing.session_id)).where(col(Packing.due_at) <= ago(0.0)).order_by(col(Packing.due_at))
    return connection.execute(statement.limit(batch)).scalars().all()


def pack_some(connection: Connection, session_id: str, rows: int = ROWS) -> bool:
    """Packs a batch of an archived session's rows; True when none is left, or it is archived no longer."""
    locked = select(col(Session.life), col(Session.workspace_id)).where(col(Session.id) == session_id)
    session = connection.execute(locked.with_for_update()).one_or_none()
    if session is not None and session.life == Life.ARCHIVED:
        for record in TABLES:
            if _pack_next(connection, session.workspace_id, session_id, record, rows):
                return False
    connection.execute(delete(Packing).where(col(Packing.session_id) == session_id))
    return True


def unpack(connection: Connection, session_id: str) -> None:
    """All rows back to where work is done with them, in a transaction that has taken the session's row."""
    connection.execute(delete(Packing).where(col(Packing.session_id) == session_id))
    for record, table in TABLES.items():
        for rows in batches(connection, session_id, record):
            copy_rows(connection, table, rows)
    connection.execute(delete(Pack).where(col(Pack.session_id) == session_id))


def end(connection: Connection, session_id: str, record: Record) -> int:
    """The number of the last row that is packed; 0: none is."""
    return connection.execute(select(func.max(col(Pack.last_seq))).where(*_of(session_id, record))).scalar_one() or 0


def batches(
    connection: Connection,
    session_id: str,
    record: Record,
    after: int = 0,
    until: int | None = None,
    *,
    newest_first: bool = False,
) -> Iterator[list[dict[str, Any]]]:
    """The packed rows from beyond `after` up to `until`, pack by pack, each read when it is asked for."""
    within = [] if until is None else [col(Pack.first_seq) <= until]
    firsts = select(col(Pack.first_seq)).where(*_of(session_id, record), col(Pack.last_seq) > after, *within)
    order = col(Pack.first_seq).desc() if newest_first else col(Pack.first_seq).asc()
    for first_seq in connection.execute(firsts.order_by(order)).scalars().all():
        body = select(col(Pack.body)).where(*_of(session_id, record), col(Pack.first_seq) == first_seq)
        packed = connection.execute(body).scalar_one_or_none()
        rows = [] if packed is None else _read(TABLES[record], packed)
        rows = [row for row in rows if row["seq"] > after and (until is None or row["seq"] <= until)]
        yield rows[::-1] if newest_first else rows


def of_session(connection: Connection, session_id: str) -> Stored | None:
    return _stored(connection, col(Pack.session_id) == session_id)


def of_workspace(connection: Connection, workspace_id: str) -> Stored | None:
    """None where nothing is packed."""
    return _stored(connection, col(Pack.workspace_id) == workspace_id)


def _stored(connection: Connection, where: Any) -> Stored | None:
    sums = [func.sum(col(column)) for column in (Pack.rows, Pack.bytes_before, Pack.bytes_after)]
    found = connection.execute(select(*sums).where(where)).one()
    return Stored(int(found[0]), int(found[1]), int(found[2])) if found[0] else None


def _pack_next(connection: Connection, workspace_id: str, session_id: str, record: Record, rows: int) -> bool:
    table: Any = TABLES[record]
    mine = col(table.session_id) == session_id
    found = connection.execute(select(table).where(mine).order_by(col(table.seq)).limit(rows)).mappings().all()
    if not found:
        return False
    plain = _written(found)
    body = zstd.compress(plain, LEVEL)
    first, last = found[0]["seq"], found[-1]["seq"]
    sizes = {"rows": len(found), "bytes_before": len(plain), "bytes_after": len(body)}
    named = {"session_id": session_id, "workspace_id": workspace_id, "record": record}
    at = read_clock(connection)
    connection.execute(insert(Pack).values(**named, **sizes, first_seq=first, last_seq=last, body=body, created_at=at))
    connection.execute(delete(table).where(mine, col(table.seq) <= last))
    return True


def _written(rows: Sequence[Mapping[Any, Any]]) -> bytes:
    """Names once, then values; whatever was said survives, as it is escaped to ASCII."""
    values = [list(row.values()) for row in rows]
    return json.dumps([list(rows[0]), values], separators=(",", ":"), default=datetime.isoformat).encode()


def _read(table: type[SQLModel], body: bytes) -> list[dict[str, Any]]:
    """A column that came later has its default."""
    names, values = json.loads(zstd.decompress(body))
    blank = {name: field.default for name, field in table.model_fields.items() if name not in names}
    rows = [{**blank, **dict(zip(names, row, strict=True))} for row in values]
    return [{**row, "created_at": datetime.fromisoformat(row["created_at"])} for row in rows]


def _of(session_id: str, record: Record) -> tuple[Any, Any]:
    return col(Pack.session_id) == session_id, col(Pack.record) == record
