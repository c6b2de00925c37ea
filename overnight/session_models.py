"""The tables beside a session's row: what it is found by, and points of it to go back to."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel


class SessionLabel(SQLModel, table=True):
    """One pair of a session's metadata, to find sessions by: not in a session's row, which changes often."""

    __tablename__ = "session_labels"
    __table_args__ = (Index("label_search", "workspace_id", "name", "value", "session_id"),)

    session_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str
    workspace_id: str


class Snapshot(SQLModel, table=True):
    """A named point of a session's ledger, and the context that was sent then."""

    __tablename__ = "snapshots"
    __table_args__ = (UniqueConstraint("session_id", "name", name="snapshot_name"),)

    id: str = Field(primary_key=True)
    workspace_id: str
    session_id: str
    name: str
    at: int = Field(sa_type=BigInteger)
    context: int = Field(sa_type=BigInteger)
    created_at: datetime
