"""The tables of what is kept of closed sessions, packed, and of what workspaces say about how sessions end."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlmodel import Field, SQLModel

from overnight.models import json_text
from overnight.states import Record, one_of
from overnight.store.sealed import SealedBytes


class Pack(SQLModel, table=True):
    """A run of an archived session's rows, compressed together: they are in their own table no longer.

    Of a record the packs hold the beginning, without a gap, and the table what comes after.
    """

    __tablename__ = "packs"
    __table_args__ = (
        CheckConstraint(one_of("record", Record), name="pack_record"),
        Index("pack_sizes", "workspace_id", "rows", "bytes_before", "bytes_after"),
    )

    session_id: str = Field(primary_key=True)
    record: str = Field(primary_key=True)
    first_seq: int = Field(primary_key=True, sa_type=BigInteger)
    last_seq: int = Field(sa_type=BigInteger)
    workspace_id: str
    rows: int
    bytes_before: int = Field(sa_type=BigInteger)
    bytes_after: int = Field(sa_type=BigInteger)
    body: bytes = Field(sa_type=SealedBytes("packs.body"))
    created_at: datetime


class Packing(SQLModel, table=True):
    """An archived session whose rows are to be packed: a list of its own, lest every session's row carry an index."""

    __tablename__ = "packing"
    __table_args__ = (Index("packing_due", "due_at"),)

    session_id: str = Field(primary_key=True)
    workspace_id: str
    due_at: datetime


class Ending(SQLModel, table=True):
    """What a workspace says of how its sessions end, and of those that have: see `overnight.expiry`."""

    __tablename__ = "endings"

    workspace_id: str = Field(primary_key=True)
    expiry: dict[str, Any] = json_text()
    resume: str | None = None  # what a task does with an archived session: null is an error that says what to do
    updated_at: datetime
