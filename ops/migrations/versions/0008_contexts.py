"""Contexts: what of a ledger is sent from some point on; pins; how full a session's context is"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import overnight.store.json_text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contexts",
        sa.Column("session_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("begin_after", sa.BigInteger(), nullable=False),
        sa.Column("cut", sa.BigInteger(), nullable=False),
        sa.Column("first", overnight.store.json_text.JsonText(), nullable=False),
        sa.Column("pinned", overnight.store.json_text.JsonText(), nullable=False),
        sa.Column("summary", overnight.store.json_text.JsonText(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "number"),
    )
    op.create_table(
        "pins",
        sa.Column("session_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("companion", sa.BigInteger(), nullable=True),
        sa.Column("characters", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "seq"),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("context", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("context_tokens", sa.BigInteger(), server_default="0", nullable=False))
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("context", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_column("context")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("context_tokens")
        batch_op.drop_column("context")
    op.drop_table("pins")
    op.drop_table("contexts")
