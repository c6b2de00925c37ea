"""The table of processes."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class Node(SQLModel, table=True):
    """A process that reported itself: a worker at each renewal of its leases, the beat at each sweep."""

    __tablename__ = "nodes"

    name: str = Field(primary_key=True)
    role: str
    incarnation: str
    slots: int
    version: str
    started_at: datetime
    seen_at: datetime
