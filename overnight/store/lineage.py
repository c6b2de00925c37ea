"""How two points of related sessions differ: what was said and spent on either side since they parted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, literal, select
from sqlmodel import col
from sqlmodel.sql.sqltypes import UTCDateTime

from overnight.models import ModelCall, Session, Usage
from overnight.store import calls, ledger

#: A session, and up to which message of its ledger: copies of a message have the same number in every fork.
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Side:
    """What came after the common point. `used` adds up the calls to Claude, with those that came to nothing."""

    session_id: str
    at: int
    messages: int
    used: Usage


@dataclass(frozen=True, slots=True)
class Comparison:
    """`common`: the last message that both have, and the session in which it was said; None where there is none."""

    common: Place | None
    sides: tuple[Side, Side]


def compare(connection: Connection, one: Place, other: Place) -> Comparison:
    """Of two points of one workspace's sessions that are there."""
    ways = (_way(connection, one), _way(connection, other))
    common = _parting(*ways)
    first, second = (_side(connection, way, common) for way in ways)
    return Comparison(common, (first, second))


def _way(connection: Connection, place: Place) -> list[Place]:
    """From the point back through those it was forked from."""
    way = [place]
    while True:
        session_id, at = way[-1]
        statement = select(col(Session.forked_from), col(Session.forked_at)).where(col(Session.id) == session_id)
        row = connection.execute(statement).one_or_none()
        if row is None or row.forked_from is None:
            return way
        way.append((row.forked_from, min(at, row.forked_at)))


def _parting(one: Sequence[Place], other: Sequence[Place]) -> Place | None:
    theirs = dict(other)
    return next(((session, min(at, theirs[session])) for session, at in one if session in theirs), None)


def _side(connection: Connection, way: Sequence[Place], common: Place | None) -> Side:
    session_id, at = way[0]
    since = common[1] if common else 0
    used = dict.fromkeys(calls.COUNTED, 0)
    for place in way:
        is_common = common is not None and place[0] == common[0]
        _add(used, _spent(connection, place, since if is_common else 0))
        if is_common:
            break
    return Side(session_id, at, at - since, Usage(**used))


def _spent(connection: Connection, place: Place, since: int) -> Any:
    """Between two messages: a call has the time at which its reply entered the ledger."""
    session_id, at = place
    sums = [func.coalesce(func.sum(getattr(ModelCall, name)), 0).label(name) for name in calls.COUNTED]
    unpriced = func.count().filter(col(ModelCall.cost_nanousd).is_(None)).label("unpriced")
    statement = select(*sums, unpriced).where(col(ModelCall.session_id) == session_id)
    if since:
        statement = statement.where(col(ModelCall.created_at) > _time_of(connection, session_id, since))
    if not _is_end(connection, place):
        statement = statement.where(col(ModelCall.created_at) <= _time_of(connection, session_id, at))
    return connection.execute(statement).one()


def _is_end(connection: Connection, place: Place) -> bool:
    ends = connection.execute(select(col(Session.ledger_seq)).where(col(Session.id) == place[0])).scalar_one_or_none()
    return ends is not None and ends <= place[1]


def _time_of(connection: Connection, session_id: str, seq: int) -> Any:
    """Null where it is gone."""
    said = ledger.find(connection, session_id, seq)
    return literal(None, UTCDateTime()) if said is None else said.created_at


def _add(used: dict[str, Any], row: Any) -> None:
    for name in calls.COUNTED:
        used[name] = None if used[name] is None else used[name] + int(getattr(row, name))
    if row.unpriced:
        used["cost_nanousd"] = None
