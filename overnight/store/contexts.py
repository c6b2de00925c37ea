"""What of a session's ledger is sent: each cut begins a new context, and none is ever changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlmodel import col

from overnight import event_types
from overnight.context_models import Context, Pin
from overnight.history.policy import Cut
from overnight.models import Message, Task
from overnight.store import calls, ledger, tasks, turn_events
from overnight.store.bulk import insert_rows
from overnight.store.calls import Call
from overnight.store.events import Draft
from overnight.store.leases import Lease
from overnight.store.prepared import Prepared
from overnight.store.turn import GUARD_CUT, Turn, end_turn, record

FIND = Prepared(
    select(Context).where(
        col(Context.session_id) == bindparam("session_id"), col(Context.number) == bindparam("number")
    )
)
PINNED = Prepared(
    select(col(Pin.seq), col(Pin.companion))
    .where(col(Pin.session_id) == bindparam("session_id"), col(Pin.seq) <= bindparam("until"))
    .order_by(col(Pin.seq))
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A context as requests are made of it: where it begins, and the rows of the ledger that it sends from before."""

    begin_after: int = 0
    cut: int = 0
    summary: list[dict[str, Any]] | None = None
    first: list[int] = field(default_factory=list)
    kept: Sequence[Any] = ()  # as the ledger loads them
    model: str | None = None  # that wrote the summary; None: the session's own


@dataclass(frozen=True, slots=True)
class Begun:
    """Which context begins, where the ledger ends then, and when."""

    number: int
    end: int
    at: datetime


def find(connection: Connection, session_id: str, number: int) -> Remembered:
    """With what it keeps of the ledger, read by number."""
    if number == 0:
        return Remembered()
    row = FIND.every(connection, {"session_id": session_id, "number": number})[0]
    wanted = sorted({*row.first, *row.pinned})
    kept: Sequence[Any] = connection.execute(_some(session_id, wanted)).all() if wanted else []
    if len(kept) < len(wanted):  # it is archived, and packed
        kept = [row for seq in wanted if (row := ledger.find(connection, session_id, seq)) is not None]
    return Remembered(row.begin_after, row.cut, row.summary, row.first, kept, row.model)


def cut(connection: Connection, turn: Turn, chosen: Cut, call: Call | None) -> tuple[Lease, Task | None]:
    """From now on less of the ledger is sent; gives the lease and the task as they are then. Raises `LeaseLost`."""
    told = {"context_from": chosen.begin_after, "reason": chosen.reason}
    compacted = Draft(event_types.CONTEXT_COMPACTED, told, turn.task.id)
    drafts = [*turn_events.request_end(turn.span, call), compacted]
    stamp = end_turn(
        connection,
        turn,
        call,
        messages=0,
        events=len(drafts),
        statement=GUARD_CUT,
        begin_after=chosen.begin_after,
    )
    calls.add_up(connection, turn.task, call)
    lease = turn.lease
    pinned = pins(connection, lease.session_id, chosen.begin_after)
    before = find(connection, lease.session_id, lease.context)
    model = before.model if chosen.summary is None else lease.model if turn.task.agent_id else None
    place = Begun(stamp.context, stamp.ledger_seq, stamp.now)
    insert(connection, lease.workspace_id, lease.session_id, place, _carried_on(chosen, before), pinned, model=model)
    record(connection, lease, stamp, drafts)
    lease = replace(
        lease,
        context=stamp.context,
        context_from=chosen.begin_after,
        context_cut=stamp.ledger_seq,
        context_tokens=0,
    )
    return lease, tasks.head(connection, lease.session_id)


def _carried_on(chosen: Cut, before: Remembered) -> Cut:
    first = before.first if chosen.first is None else chosen.first
    return replace(chosen, first=first, summary=before.summary if chosen.summary is None else chosen.summary)


def insert(
    connection: Connection,
    workspace_id: str,
    session_id: str,
    begun: Begun,
    chosen: Cut,
    pinned: Collection[int],
    *,
    model: str | None,
) -> None:
    """Of a session whose row has been taken. `model`: see `Remembered`."""
    row = {
        "session_id": session_id,
        "number": begun.number,
        "workspace_id": workspace_id,
        "reason": chosen.reason,
        "begin_after": chosen.begin_after,
        "cut": begun.end,
        "first": chosen.first,
        "pinned": sorted(pinned),
        "summary": chosen.summary,
        "model": model,
        "created_at": begun.at,
    }
    insert_rows(connection, Context, [row])


def pins(connection: Connection, session_id: str, until: int) -> set[int]:
    """What is pinned up to `until`, with what belongs to it."""
    found = PINNED.every(connection, {"session_id": session_id, "until": until})
    seqs = {seq for row in found for seq in (row.seq, row.companion) if seq is not None}
    return {seq for seq in seqs if seq <= until}


def _some(session_id: str, seqs: Collection[int]) -> Any:
    return (
        select(*ledger.COLUMNS)
        .where(col(Message.session_id) == session_id, col(Message.seq).in_(seqs))
        .order_by(col(Message.seq))
    )
