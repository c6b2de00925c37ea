"""For how long things are kept, by their state: as the settings say, unless their workspace says otherwise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, insert, select, true, update
from sqlmodel import col

from overnight.keeping_models import Retention, Transcript
from overnight.models import Session
from overnight.settings import Settings
from overnight.states import Life
from overnight.store.clock import ago, read_clock
from overnight.store.rows import every, first

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Outlived:
    """A session that is kept no longer, and since when it is as it is."""

    workspace_id: str
    session_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Periods:
    """Days; zero: for ever, but of what is deleted: not at all."""

    idle_days: float = 0.0  # only workspaces say this: what all sessions do is expire, by `idle_ttl`
    archived_days: float = 0.0
    deleted_days: float = 0.0
    transcript_days: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> "Periods":
        return cls(
            archived_days=settings.retention_days,
            deleted_days=settings.retention_deleted_days,
            transcript_days=settings.retention_transcript_days,
        )

    def overridden(self, said: Mapping[str, float | None]) -> "Periods":
        return replace(self, **{name: days for name, days in said.items() if days is not None})


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say, and the workspaces that say otherwise."""

    settings: Periods
    workspaces: Mapping[str, Mapping[str, float | None]]

    def scopes(self, name: str, workspace: Any) -> Iterator[tuple[float, ColumnElement[bool]]]:
        """For each number of days that holds somewhere: where that is."""
        own = {each: days for each, said in self.workspaces.items() if (days := said[name]) is not None}
        yield getattr(self.settings, name), workspace.not_in(sorted(own)) if own else true()
        for each, days in own.items():
            yield days, workspace == each


def of_workspace(connection: Connection, workspace_id: str) -> tuple[dict[str, float | None], datetime | None]:
    """What it says itself, and since when."""
    row = first(connection, Retention, select(Retention).where(col(Retention.workspace_id) == workspace_id))
    return _said(row), None if row is None else row.updated_at


def change(connection: Connection, workspace_id: str, changes: Mapping[str, float | None]) -> None:
    """Null: as the settings say. Raises `IntegrityError` where another has just said something: try again."""
    known = select(Retention).where(col(Retention.workspace_id) == workspace_id).with_for_update()
    at = read_clock(connection)
    if first(connection, Retention, known) is None:
        connection.execute(insert(Retention).values(workspace_id=workspace_id, **changes, updated_at=at))
    elif changes:
        here = col(Retention.workspace_id) == workspace_id
        connection.execute(update(Retention).where(here).values(**changes, updated_at=at))


def rules(connection: Connection, settings: Periods) -> Rules:
    rows = every(connection, Retention, select(Retention))
    return Rules(settings, {row.workspace_id: _said(row) for row in rows})


def outlived(connection: Connection, held: Rules, batch: int) -> list[Outlived]:
    """A batch of those that are idle or archived for longer than they are kept."""
    idle = (col(Session.life) == Life.ACTIVE, col(Session.idle_since).is_not(None))
    archived = (col(Session.life) == Life.ARCHIVED, col(Session.archived_at).is_not(None))
    found: list[Outlived] = []
    for name, state, since in (
        ("idle_days", idle, col(Session.idle_since)),
        ("archived_days", archived, col(Session.archived_at)),
    ):
        for days, where in held.scopes(name, col(Session.workspace_id)):
            if days > 0 and len(found) < batch:
                here = select(col(Session.workspace_id), col(Session.id), since).where(*state, where)
                rows = connection.execute(here.where(since <= _ago(days)).limit(batch - len(found)))
                found += [Outlived(row[0], row[1], at) for row in rows if (at := row[2]) is not None]
    return found


def since(session: Session) -> datetime | None:
    """When it came into the state that it is in; None for one that works, or is deleted."""
    times = {Life.ACTIVE.value: session.idle_since, Life.ARCHIVED.value: session.archived_at}
    return times.get(session.life)


def purgeable(connection: Connection, held: Rules, batch: int) -> Sequence[str]:
    """Deleted sessions whose rows are kept no longer."""
    deleted = select(col(Session.id)).where(
        col(Session.life) == Life.DELETED,
        col(Session.archived_at).is_not(None),  # which the index asks for
    )
    found: list[str] = []
    for days, where in held.scopes("deleted_days", col(Session.workspace_id)):
        past = deleted.where(where, col(Session.archived_at) <= _ago(days))
        found += connection.execute(past.limit(batch - len(found))).scalars()
        if len(found) >= batch:
            break
    return found


def outlived_transcripts(held: Rules) -> list[Select[Any]]:
    """Those to which nothing was appended for longer than they are kept."""
    scopes = held.scopes("transcript_days", col(Transcript.workspace_id))
    return [
        select(Transcript).where(where, col(Transcript.updated_at) <= _ago(days)) for days, where in scopes if days > 0
    ]


def _ago(days: float) -> Any:
    return ago(DAY * days)


def _said(row: Retention | None) -> dict[str, float | None]:
    return {name: None if row is None else getattr(row, name) for name in asdict(Periods())}
