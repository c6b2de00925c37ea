"""Transcripts of Claude Agent SDK sessions: appended to, read, listed, removed. What an entry says is the SDK's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update
from sqlmodel import col

from overnight.ids import TRANSCRIPT, new_id
from overnight.keeping_models import MAIN, Transcript, TranscriptEntry
from overnight.store.clock import read_clock
from overnight.store.rows import every, first

Entry = dict[str, Any]
#: From a transcript's summary so far, to that with what is new.
Fold = Callable[[Transcript, Sequence[Entry]], dict[str, Any]]

#: Values in one statement.
BATCH = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Key:
    """Where a transcript is: the project and session are the SDK's words, the subpath that of a subagent."""

    workspace_id: str
    project_key: str
    session_id: str
    subpath: str = MAIN


def append(connection: Connection, key: Key, user_id: str | None, entries: Sequence[Entry], fold: Fold) -> None:
    """Adds `entries`, but for those whose `uuid` is there already: the SDK may send a batch again.

    Raises `IntegrityError` where somebody else has just begun the same transcript: try again.
    """
    at = read_clock(connection)
    found = _taken(connection, key, user_id, at)
    fresh = _unknown(connection, found.id, entries)
    if not fresh:
        return
    row = {"transcript_id": found.id, "workspace_id": key.workspace_id, "created_at": at}
    numbered = enumerate(fresh, start=found.end_seq + 1)
    added = [{**row, "seq": seq, "uuid": _uuid(entry), "entry": entry} for seq, entry in numbered]
    connection.execute(insert(TranscriptEntry), added)
    changes: dict[str, Any] = {"mtime": max(found.mtime + 1, (at - EPOCH) // MILLISECOND), "updated_at": at}
    if key.subpath == MAIN:
        changes["summary"] = fold(found, fresh)
    here = col(Transcript.id) == found.id
    connection.execute(update(Transcript).where(here).values(**changes, end_seq=found.end_seq + len(fresh)))


def load(connection: Connection, key: Key) -> list[Entry] | None:
    """All entries, in their order; None where nothing was ever appended."""
    found = first(connection, Transcript, _of_key(key))
    return None if found is None else list(entries_of(connection, found.id))


def entries_of(connection: Connection, transcript_id: str) -> Iterator[Entry]:
    statement = (
        select(col(TranscriptEntry.entry))
        .where(col(TranscriptEntry.transcript_id) == transcript_id)
        .order_by(col(TranscriptEntry.seq))
    )
    yield from connection.execute(statement, execution_options={"yield_per": BATCH}).scalars()


def of_project(connection: Connection, workspace_id: str, project_key: str) -> Sequence[Transcript]:
    """The sessions' own transcripts, the one that was appended to last first."""
    statement = select(Transcript).where(
        col(Transcript.workspace_id) == workspace_id,
        col(Transcript.project_key) == project_key,
        col(Transcript.subpath) == MAIN,
    )
    return every(connection, Transcript, statement.order_by(col(Transcript.mtime).desc()))


def subpaths(connection: Connection, key: Key) -> list[str]:
    """Of the session's subagents, in the order in which they began."""
    here = select(col(Transcript.subpath)).where(*_of_session(key), col(Transcript.subpath) != MAIN)
    return list(connection.execute(here.order_by(col(Transcript.created_at), col(Transcript.id))).scalars())


def remove(connection: Connection, key: Key) -> None:
    """A session's own transcript goes with those of its subagents. Unknown ones are no error."""
    doomed = select(col(Transcript.id)).where(*_of_session(key))
    if key.subpath != MAIN:
        doomed = doomed.where(col(Transcript.subpath) == key.subpath)
    ids = connection.execute(doomed.with_for_update()).scalars().all()
    connection.execute(delete(TranscriptEntry).where(col(TranscriptEntry.transcript_id).in_(ids)))
    connection.execute(delete(Transcript).where(col(Transcript.id).in_(ids)))


def remove_some(connection: Connection, doomed: Select[Any], batch: int) -> dict[str, int]:
    """At most `batch` entries of the transcripts that `doomed` selects, and those that are empty then."""
    found = connection.execute(doomed.with_only_columns(col(Transcript.id)).limit(BATCH)).scalars().all()
    mine = col(TranscriptEntry.transcript_id).in_(found)
    key = col(TranscriptEntry.transcript_id), col(TranscriptEntry.seq)
    chosen = connection.execute(select(*key).where(mine).limit(batch)).all()
    for transcript_id in {row.transcript_id for row in chosen}:
        seqs = [row.seq for row in chosen if row.transcript_id == transcript_id]
        connection.execute(delete(TranscriptEntry).where(key[0] == transcript_id, key[1].in_(seqs)))
    empty = col(Transcript.id).in_(found) & ~select(1).where(key[0] == col(Transcript.id)).exists()
    gone = connection.execute(delete(Transcript).where(empty)).rowcount
    return {name: rows for name, rows in (("transcript_entries", len(chosen)), ("transcripts", gone)) if rows}


def _taken(connection: Connection, key: Key, user_id: str | None, at: datetime) -> Transcript:
    """Its row, locked; made where there is none."""
    found = first(connection, Transcript, _of_key(key).with_for_update())
    if found is not None:
        return found
    made = Transcript(
        id=new_id(TRANSCRIPT),
        workspace_id=key.workspace_id,
        user_id=user_id,
        project_key=key.project_key,
        session_id=key.session_id,
        subpath=key.subpath,
        mtime=0,
        created_at=at,
        updated_at=at,
    )
    connection.execute(insert(Transcript).values(made.model_dump()))
    return made


def _unknown(connection: Connection, transcript_id: str, entries: Sequence[Entry]) -> list[Entry]:
    seen = _known(connection, transcript_id, [uuid for entry in entries if (uuid := _uuid(entry))])
    fresh = []
    for entry in entries:
        uuid = _uuid(entry)
        if uuid is None or uuid not in seen:
            fresh.append(entry)
            seen.add(uuid or "")
    return fresh


def _known(connection: Connection, transcript_id: str, uuids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for begin in range(0, len(uuids), BATCH):
        mine = col(TranscriptEntry.uuid).in_(uuids[begin : begin + BATCH])
        statement = select(col(TranscriptEntry.uuid)).where(col(TranscriptEntry.transcript_id) == transcript_id, mine)
        known.update(uuid for uuid in connection.execute(statement).scalars() if uuid is not None)
    return known


def _uuid(entry: Entry) -> str | None:
    uuid = entry.get("uuid")
    return uuid if isinstance(uuid, str) and uuid else None


def _of_session(key: Key) -> tuple[Any, ...]:
    return (
        col(Transcript.workspace_id) == key.workspace_id,
        col(Transcript.project_key) == key.project_key,
        col(Transcript.session_id) == key.session_id,
    )


def _of_key(key: Key) -> Select[Any]:
    return select(Transcript).where(*_of_session(key), col(Transcript.subpath) == key.subpath)
