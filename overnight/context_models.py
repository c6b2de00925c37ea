"""The tables of what is sent of a session's ledger: its contexts, one after the other, and what callers pinned."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from overnight.models import json_text, sealed


class Context(SQLModel, table=True):
    """What is sent of the ledger from some point on; written once, so that what a step sent can be shown for good.

    Context 0 has no row: all of the ledger.
    """

    __tablename__ = "contexts"

    session_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    workspace_id: str
    reason: str  # compacted | window | too_long | reset | pinned
    begin_after: int = Field(sa_type=BigInteger)  # the ledger is sent from after this message
    cut: int = Field(sa_type=BigInteger)  # up to which thinking is left out
    first: list[int] = json_text()  # of what is left out, the first exchange: sent all the same
    pinned: list[int] = json_text()  # and what is pinned, with its tool results or calls
    summary: list[dict[str, Any]] | None = sealed("contexts.summary")  # blocks that stand for the rest
    model: str | None = None  # that wrote the summary; None: the session's own
    created_at: datetime


class Pin(SQLModel, table=True):
    """A message that is sent whatever is cut, and the one it is nothing without: its results, or its calls."""

    __tablename__ = "pins"

    session_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    companion: int | None = Field(default=None, sa_type=BigInteger)
    characters: int = Field(sa_type=BigInteger)
    workspace_id: str
    created_at: datetime
