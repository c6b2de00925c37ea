"""Forks: a session that begins with what another one had said up to some point, and goes its own way from there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, update
from sqlmodel import SQLModel, col

from overnight import event_types
from overnight.context_models import Context, Pin
from overnight.errors import NotFound
from overnight.models import Message, Session
from overnight.states import Life, Record
from overnight.store import events, fork_points, packs, sessions, users
from overnight.store.copying import copy_rows
from overnight.store.events import Draft
from overnight.store.places import reserve
from overnight.store.sessions import NewSession

#: What a fork has of its parent unless its caller says otherwise. No two open sessions share a context key.
INHERITED = (
    *("model", "max_tokens", "system", "title", "notes", "labels", "user_id", "agent_id", "agent_version"),
    *("overrides", "environment_id", "budget_nanousd", "budget_tokens", "expiry"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """After which message of the ledger, and in which context; None: that in which the session was there."""

    at: int
    context: int | None = None


def fork(
    connection: Connection,
    workspace_id: str,
    session_id: str,
    at: int | str | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    idle_check: float,
) -> str:
    """The id of a new session whose ledger is the parent's up to `at`: a message's seq, an event's id, or its end.

    Never between a call and its result: then the last safe point before. `changes`: columns that are different.
    Raises `NotFound`, `InvalidRequest` where there is no such point, and `IntegrityError` for a `context_key` in use.
    """
    parent = sessions.get(connection, workspace_id, session_id)
    point = Point(fork_points.find(connection, parent, at))
    return fork_at(connection, parent, point, changes or {}, idle_check=idle_check)


def fork_at(
    connection: Connection, parent: Session, point: Point, changes: Mapping[str, Any], *, idle_check: float
) -> str:
    """The same at a point that is known to be safe."""
    inherited = {name: getattr(parent, name) for name in INHERITED}
    age = None if parent.ends_at is None else (parent.ends_at - parent.created_at).total_seconds()
    new = NewSession(**{**inherited, "max_age": age, **changes}, is_introduced=True)
    new = replace(new, system=_system(connection, parent, new.user_id))
    sessions.create(connection, parent.workspace_id, new, idle_check=idle_check)
    number = point.context if point.context is not None else fork_points.context_at(connection, parent.id, point.at)
    _place(connection, parent, point.at, number, new.id)
    _copy_ledger(connection, parent, new.id, point.at)
    _copy(connection, Context, parent.id, new.id, col(Context.number) <= number)
    _copy(connection, Pin, parent.id, new.id, col(Pin.seq) <= point.at)
    _check_whole(connection, parent, new.id, point.at)
    told = Draft(event_types.SESSION_FORKED, {"forked_from": parent.id, "forked_at": point.at})
    place = reserve(connection, new.id, events=1)
    events.append(connection, parent.workspace_id, new.id, place.event_seq, place.now, [told])
    return new.id


def _system(connection: Connection, parent: Session, user_id: str | None) -> str | None:
    """The parent's, byte for byte, as Claude's cache has it; to another user nothing is told of the parent's."""
    if user_id == parent.user_id:
        return parent.system
    return users.introduced(connection, parent.workspace_id, user_id, parent.system)


def _place(connection: Connection, parent: Session, at: int, number: int, new_id: str) -> None:
    """Where the fork's ledger and context stand; how full the context is, is known at the parent's end alone."""
    begin, cut = fork_points.bounds(connection, parent.id, number)
    is_end = at == parent.ledger_seq and number == parent.context
    connection.execute(
        update(Session)
        .where(col(Session.id) == new_id)
        .values(
            ledger_seq=at,
            context=number,
            context_from=begin,
            context_cut=cut,
            context_tokens=parent.context_tokens if is_end else 0,
            forked_from=parent.id,
            forked_at=at,
        )
    )


def _copy(connection: Connection, table: type[SQLModel], parent_id: str, new_id: str, which: Any) -> None:
    """The rows as they are, in one statement, and none of them through this process."""
    columns = table.__table__.c  # type: ignore[attr-defined]
    chosen = select(*(literal(new_id) if each.name == "session_id" else each for each in columns))
    rows = chosen.where(columns.session_id == parent_id, which)
    connection.execute(insert(table).from_select([each.name for each in columns], rows))


def _copy_ledger(connection: Connection, parent: Session, new_id: str, at: int) -> None:
    """What is packed comes out of its packs; while the parent is archived its row is held, lest more be packed."""
    if parent.life == Life.ARCHIVED:
        reserve(connection, parent.id)
        for rows in packs.batches(connection, parent.id, Record.MESSAGES, until=at):
            copy_rows(connection, Message, [{**row, "session_id": new_id} for row in rows])
    _copy(connection, Message, parent.id, new_id, col(Message.seq) <= at)


def _check_whole(connection: Connection, parent: Session, new_id: str, at: int) -> None:
    """The parent may have been deleted, and be on its way out."""
    copied = select(func.count()).select_from(Message).where(col(Message.session_id) == new_id)
    if connection.execute(copied).scalar_one() != at:
        raise NotFound(f"session {parent.id} not found")
