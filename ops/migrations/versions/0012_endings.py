"""How sessions end: limits of their own, successors, packed records"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from overnight.store.json_text import JsonText

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString


def moment() -> sa.types.TypeEngine:
    return sqlmodel.sql.sqltypes.UTCDateTime()


def partial_index(name: str, where: str) -> None:
    op.create_index(name, "sessions", ["wake_at"], postgresql_where=sa.text(where), sqlite_where=sa.text(where))


def upgrade() -> None:
    # Each of its own, without a batch: columns that may be null cost neither database a copy of the table.
    op.add_column("sessions", sa.Column("expiry", JsonText(), nullable=True))
    op.add_column("sessions", sa.Column("ends_at", moment(), nullable=True))
    op.add_column("sessions", sa.Column("kept_until", moment(), nullable=True))
    op.add_column("sessions", sa.Column("archiving_since", moment(), nullable=True))
    op.add_column("sessions", sa.Column("continues", TEXT(), nullable=True))
    op.add_column("sessions", sa.Column("continued_by", TEXT(), nullable=True))
    op.add_column("agent_versions", sa.Column("expiry", JsonText(), nullable=True))
    op.drop_index("session_due", table_name="sessions")
    partial_index("session_due", "wake_at IS NOT NULL AND idle_since IS NULL")
    partial_index("session_ends", "wake_at IS NOT NULL AND idle_since IS NOT NULL")
    op.create_table(
        "packs",
        sa.Column("session_id", TEXT(), nullable=False),
        sa.Column("record", TEXT(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", TEXT(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("bytes_before", sa.BigInteger(), nullable=False),
        sa.Column("bytes_after", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.CheckConstraint("record IN ('messages', 'events')", name="pack_record"),
        sa.PrimaryKeyConstraint("session_id", "record", "first_seq"),
    )
    op.create_index("pack_sizes", "packs", ["workspace_id", "rows", "bytes_before", "bytes_after"])
    op.create_table(
        "packing",
        sa.Column("session_id", TEXT(), nullable=False),
        sa.Column("workspace_id", TEXT(), nullable=False),
        sa.Column("due_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("session_id"),
    )
    op.create_index("packing_due", "packing", ["due_at"])
    op.create_table(
        "endings",
        sa.Column("workspace_id", TEXT(), nullable=False),
        sa.Column("expiry", JsonText(), nullable=False),
        sa.Column("resume", TEXT(), nullable=True),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id"),
    )
    op.execute(
        "INSERT INTO packing (session_id, workspace_id, due_at) "
        "SELECT id, workspace_id, archived_at FROM sessions WHERE life = 'archived'"
    )


def downgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT 1 FROM packs LIMIT 1")).first():
        raise RuntimeError("archived sessions are packed, and the schema before knows nothing of it: delete them first")
    op.drop_table("endings")
    op.drop_table("packing")
    op.drop_table("packs")
    op.drop_column("agent_versions", "expiry")
    for index in ("session_ends", "session_due"):
        op.drop_index(index, table_name="sessions")
    partial_index("session_due", "wake_at IS NOT NULL")
    for name in ("continued_by", "continues", "archiving_since", "kept_until", "ends_at", "expiry"):
        op.drop_column("sessions", name)
