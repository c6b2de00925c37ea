"""What workspaces say of how their sessions end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlmodel import col

from overnight.archive_models import Ending
from overnight.expiry import Standing
from overnight.models import Session
from overnight.states import Origin
from overnight.store import budgets
from overnight.store.clock import read_clock
from overnight.store.prepared import Prepared
from overnight.store.rows import every, first

FIND = Prepared(
    select(col(Ending.expiry), col(Ending.resume), col(Ending.updated_at)).where(
        col(Ending.workspace_id) == bindparam("workspace")
    )
)


@dataclass(frozen=True, slots=True)
class Said:
    """`expiry`: see `expiry.SAID`; `resume`: with what an archived session goes on by itself when a task comes."""

    expiry: Mapping[str, Any]
    resume: Origin | None = None
    updated_at: datetime | None = None


NOTHING = Said({})


def of_workspace(connection: Connection, workspace_id: str) -> Said:
    row = FIND.first(connection, {"workspace": workspace_id})
    return NOTHING if row is None else Said(row.expiry, Origin(row.resume) if row.resume else None, row.updated_at)


def every_one(connection: Connection) -> dict[str, Mapping[str, Any]]:
    """What is said of expiry, by workspace."""
    return {row.workspace_id: row.expiry for row in every(connection, Ending, select(Ending))}


def change(connection: Connection, workspace_id: str, changes: Mapping[str, Any]) -> None:
    """Null takes back. Raises `IntegrityError` where another has just said something: try again."""
    here = col(Ending.workspace_id) == workspace_id
    before = first(connection, Ending, select(Ending).where(here).with_for_update())
    said = {"resume": None, **(before.expiry if before else {})}
    said["resume"] = before.resume if before else None
    said = {name: value for name, value in {**said, **changes}.items() if value is not None}
    values = {"resume": said.pop("resume", None), "expiry": said, "updated_at": read_clock(connection)}
    if before is None:
        connection.execute(insert(Ending).values(workspace_id=workspace_id, **values))
    else:
        connection.execute(update(Ending).where(here).values(**values))


def standing(session: Session) -> Standing:
    used, unwanted = budgets.tokens_of(session), session.archiving_since is not None
    return Standing(session.ledger_seq, used, session.ends_at, session.kept_until, unwanted)
