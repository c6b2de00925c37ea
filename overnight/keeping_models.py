"""The tables of users, of how long things are kept, of what was removed, and of the Agent SDK's transcripts."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from overnight.models import count, json_text, partial_index, sealed
from overnight.states import Removal, one_of

MAIN = ""  # as a subpath: the transcript of the session itself, not of a subagent


class User(SQLModel, table=True):
    """What is known of somebody: facts for the system prompt of the sessions that begin for them."""

    __tablename__ = "users"

    workspace_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)  # the caller's own
    profile: dict[str, Any] = sealed("users.profile")
    created_at: datetime
    updated_at: datetime


class Retention(SQLModel, table=True):
    """For how many days a workspace keeps what is in a state; null is as the settings say."""

    __tablename__ = "retention"

    workspace_id: str = Field(primary_key=True)
    idle_days: float | None = None
    archived_days: float | None = None
    deleted_days: float | None = None
    transcript_days: float | None = None
    updated_at: datetime


class Tombstone(SQLModel, table=True):
    """That something was removed: what, by whom, when, and how many rows; nothing of what was in it."""

    __tablename__ = "tombstones"
    __table_args__ = (
        CheckConstraint(one_of("kind", Removal), name="tombstone_kind"),
        Index("tombstone_subject", "subject_id"),
        Index("tombstone_listing", "workspace_id", "created_at", "id"),
        partial_index("tombstone_open", "kind", "workspace_id", "subject_id", where="finished_at IS NULL", unique=True),
    )

    id: str = Field(primary_key=True)
    workspace_id: str
    kind: str
    subject_id: str
    actor: str  # a key's id, or `retention`
    removed: dict[str, int] = json_text()  # rows by table, so far
    created_at: datetime
    finished_at: datetime | None = None


class Transcript(SQLModel, table=True):
    """One transcript of an Agent SDK session, its own or a subagent's; `summary` is the SDK's and opaque."""

    __tablename__ = "transcripts"
    __table_args__ = (
        UniqueConstraint("workspace_id", "project_key", "session_id", "subpath", name="transcript_key"),
        Index("transcript_age", "updated_at"),
        Index("transcript_kept", "workspace_id", "updated_at"),
        partial_index("transcript_user", "workspace_id", "user_id", where="user_id IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    workspace_id: str
    user_id: str | None = None
    project_key: str
    session_id: str
    subpath: str = MAIN
    end_seq: int = count()
    mtime: int = Field(sa_type=BigInteger)  # milliseconds since 1970; grows with each append
    summary: dict[str, Any] | None = sealed("transcripts.summary")
    created_at: datetime
    updated_at: datetime


class TranscriptEntry(SQLModel, table=True):
    """One line of a transcript, as the Agent SDK wrote it."""

    __tablename__ = "transcript_entries"
    __table_args__ = (
        partial_index("transcript_entry_uuid", "transcript_id", "uuid", where="uuid IS NOT NULL", unique=True),
    )

    transcript_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    workspace_id: str
    uuid: str | None = None
    entry: dict[str, Any] = sealed("transcript_entries.entry")
    created_at: datetime
