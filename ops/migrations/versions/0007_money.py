"""The ledger of calls by agent, user and time; budgets of workspaces, users and tasks"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString
CALL_COLUMNS = ("web_searches", "cache_write_1h_tokens", "user_id", "agent_id")
TASK_COLUMNS = (
    "reserved_at",
    "reserved_tokens",
    "reserved_nanousd",
    "held_by",
    "budget_warned",
    "budget_tokens",
    "budget_nanousd",
)


def moment() -> sa.types.TypeEngine:
    return sqlmodel.sql.sqltypes.UTCDateTime()


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("id", TEXT(), nullable=False),
        sa.Column("workspace_id", TEXT(), nullable=False),
        sa.Column("user_id", TEXT(), nullable=False),
        sa.Column("period", TEXT(), nullable=False),
        sa.Column("max_nanousd", sa.BigInteger(), nullable=True),
        sa.Column("max_tokens", sa.BigInteger(), nullable=True),
        sa.Column("period_start", moment(), nullable=False),
        sa.Column("counted_until", moment(), nullable=False),
        sa.Column("spent_nanousd", sa.BigInteger(), nullable=False),
        sa.Column("spent_tokens", sa.BigInteger(), nullable=False),
        sa.Column("warned", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.CheckConstraint("period IN ('total', 'day', 'month')", name="budget_period"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "user_id", "period", name="budget_scope"),
    )
    op.add_column("model_calls", sa.Column("agent_id", TEXT(), server_default="agent_default", nullable=False))
    op.add_column("model_calls", sa.Column("user_id", TEXT(), nullable=True))
    for name in ("cache_write_1h_tokens", "web_searches"):
        op.add_column("model_calls", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        "UPDATE model_calls SET agent_id = coalesce((SELECT s.agent_id FROM sessions s WHERE s.id = session_id), agent_id),"
        " user_id = coalesce((SELECT t.user_id FROM tasks t WHERE t.id = task_id),"
        " (SELECT s.user_id FROM sessions s WHERE s.id = session_id))"
    )
    op.drop_index("call_session", "model_calls")
    op.create_index("call_session", "model_calls", ["session_id", "created_at"])
    op.create_index("call_time", "model_calls", ["workspace_id", "created_at"])
    known = sa.text("user_id IS NOT NULL")
    op.create_index(
        "call_user",
        "model_calls",
        ["workspace_id", "user_id", "created_at"],
        sqlite_where=known,
        postgresql_where=known,
    )
    for table in ("sessions", "tasks"):
        if table == "tasks":
            op.add_column(table, sa.Column("budget_nanousd", sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column("budget_tokens", sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column("budget_warned", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("tasks", sa.Column("held_by", TEXT(), nullable=True))
    op.add_column("tasks", sa.Column("reserved_nanousd", sa.BigInteger(), nullable=True))
    op.add_column("tasks", sa.Column("reserved_tokens", sa.BigInteger(), nullable=True))
    op.add_column("tasks", sa.Column("reserved_at", moment(), nullable=True))
    held = sa.text("wait_reason = 'budget'")
    op.create_index("task_held", "tasks", ["held_by"], sqlite_where=held, postgresql_where=held)
    reserved = sa.text("reserved_at IS NOT NULL AND status = 'running'")
    op.create_index("task_reserved", "tasks", ["workspace_id"], sqlite_where=reserved, postgresql_where=reserved)


def downgrade() -> None:
    for index in ("task_reserved", "task_held"):
        op.drop_index(index, "tasks")
    for name in TASK_COLUMNS:
        op.drop_column("tasks", name)
    for name in ("budget_warned", "budget_tokens"):
        op.drop_column("sessions", name)
    for index in ("call_user", "call_time", "call_session"):
        op.drop_index(index, "model_calls")
    op.create_index("call_session", "model_calls", ["session_id"])
    for name in CALL_COLUMNS:
        op.drop_column("model_calls", name)
    op.drop_table("budgets")
