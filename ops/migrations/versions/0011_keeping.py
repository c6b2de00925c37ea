"""Users, retention, tombstones of what was removed, and transcripts of the Claude Agent SDK"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from overnight.store.json_text import JsonText

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString
TABLES = ("transcript_entries", "transcripts", "tombstones", "retention", "users")
INDEXES = (
    ("session_kept", "sessions", ["workspace_id", "life", "archived_at"], "archived_at IS NOT NULL"),
    ("session_idle", "sessions", ["workspace_id", "idle_since"], "idle_since IS NOT NULL AND life = 'active'"),
    ("task_user", "tasks", ["workspace_id", "user_id"], "user_id IS NOT NULL"),
)


def moment() -> sa.types.TypeEngine:
    return sqlmodel.sql.sqltypes.UTCDateTime()


def partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("workspace_id", TEXT(), nullable=False),
        sa.Column("id", TEXT(), nullable=False),
        sa.Column("profile", JsonText(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "id"),
    )
    op.create_table(
        "retention",
        sa.Column("workspace_id", TEXT(), nullable=False),
        *(
            sa.Column(f"{state}_days", sa.Float(), nullable=True)
            for state in ("idle", "archived", "deleted", "transcript")
        ),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id"),
    )
    op.create_table(
        "tombstones",
        sa.Column("id", TEXT(), nullable=False),
        sa.Column("workspace_id", TEXT(), nullable=False),
        sa.Column("kind", TEXT(), nullable=False),
        sa.Column("subject_id", TEXT(), nullable=False),
        sa.Column("actor", TEXT(), nullable=False),
        sa.Column("removed", JsonText(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("finished_at", moment(), nullable=True),
        sa.CheckConstraint("kind IN ('session', 'user')", name="tombstone_kind"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tombstone_subject", "tombstones", ["subject_id"])
    op.create_index("tombstone_listing", "tombstones", ["workspace_id", "created_at", "id"])
    partial("tombstone_open", "tombstones", ["kind", "workspace_id", "subject_id"], "finished_at IS NULL", unique=True)
    op.create_table(
        "transcripts",
        sa.Column("id", TEXT(), nullable=False),
        sa.Column("workspace_id", TEXT(), nullable=False),
        sa.Column("user_id", TEXT(), nullable=True),
        sa.Column("project_key", TEXT(), nullable=False),
        sa.Column("session_id", TEXT(), nullable=False),
        sa.Column("subpath", TEXT(), nullable=False),
        sa.Column("end_seq", sa.BigInteger(), nullable=False),
        sa.Column("mtime", sa.BigInteger(), nullable=False),
        sa.Column("summary", JsonText(), nullable=True),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "project_key", "session_id", "subpath", name="transcript_key"),
    )
    op.create_index("transcript_age", "transcripts", ["updated_at"])
    op.create_index("transcript_kept", "transcripts", ["workspace_id", "updated_at"])
    partial("transcript_user", "transcripts", ["workspace_id", "user_id"], "user_id IS NOT NULL")
    op.create_table(
        "transcript_entries",
        sa.Column("transcript_id", TEXT(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", TEXT(), nullable=False),
        sa.Column("uuid", TEXT(), nullable=True),
        sa.Column("entry", JsonText(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("transcript_id", "seq"),
    )
    partial("transcript_entry_uuid", "transcript_entries", ["transcript_id", "uuid"], "uuid IS NOT NULL", unique=True)
    for name, table, columns, where in INDEXES:
        partial(name, table, columns, where)


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table)
    for table in TABLES:
        op.drop_table(table)
