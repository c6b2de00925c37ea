"""A session's life: notes, pauses, forks, snapshots, metadata to search by; the agents that take turns in one"""

import json

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import overnight.store.json_text

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OPEN = "context_key IS NOT NULL AND life IN ('active', 'paused')"
OF_A_USER, OF_FORKS, OF_PAUSED = "user_id IS NOT NULL", "forked_from IS NOT NULL", "life = 'paused'"


def upgrade() -> None:
    _add_tables()
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("notes", overnight.store.json_text.JsonText(), nullable=True))
        batch_op.add_column(sa.Column("forked_from", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.add_column(sa.Column("forked_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("paused_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.create_check_constraint("session_paused", "life <> 'paused' OR paused_at IS NOT NULL")
        batch_op.create_check_constraint("session_forked", "(forked_from IS NULL) = (forked_at IS NULL)")
        batch_op.drop_index("session_context")
    _index("session_context", ["workspace_id", "context_key", "agent_id"], OPEN, unique=True)
    _index("session_user", ["workspace_id", "user_id", "created_at", "id"], OF_A_USER)
    _index("session_forks", ["forked_from"], OF_FORKS)
    _index("session_paused", ["workspace_id", "created_at", "id"], OF_PAUSED)
    for table in ("tasks", "messages"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("agent_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
            batch_op.add_column(sa.Column("agent_version", sa.Integer(), nullable=True))
    with op.batch_alter_table("contexts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("model", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    _fill_labels()


def downgrade() -> None:
    with op.batch_alter_table("contexts", schema=None) as batch_op:
        batch_op.drop_column("model")
    for table in ("messages", "tasks"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("agent_version")
            batch_op.drop_column("agent_id")
    for name in ("session_paused", "session_forks", "session_user", "session_context"):
        op.drop_index(name, table_name="sessions")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_constraint("session_forked", type_="check")
        batch_op.drop_constraint("session_paused", type_="check")
        for name in ("paused_at", "forked_at", "forked_from", "notes"):
            batch_op.drop_column(name)
    _index("session_context", ["workspace_id", "context_key"], OPEN, unique=True)
    op.drop_table("snapshots")
    op.drop_table("session_labels")


def _add_tables() -> None:
    op.create_table(
        "session_labels",
        sa.Column("session_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("value", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("workspace_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "name"),
    )
    op.create_index("label_search", "session_labels", ["workspace_id", "name", "value", "session_id"])
    op.create_table(
        "snapshots",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("workspace_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("session_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("context", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session_id", "name", name="snapshot_name"),
    )


def _index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    partial = sa.text(where)
    op.create_index(name, "sessions", columns, unique=unique, sqlite_where=partial, postgresql_where=partial)


def _fill_labels() -> None:
    """The metadata of sessions that there are, as rows."""
    connection = op.get_bind()
    sessions = sa.table("sessions", sa.column("id"), sa.column("workspace_id"), sa.column("labels"))
    rows = sa.table("session_labels", *map(sa.column, ("session_id", "name", "value", "workspace_id")))
    labelled = sa.select(sessions).where(sa.cast(sessions.c.labels, sa.Text) != "{}")
    for part in connection.execute(labelled).partitions(1_000):
        pairs = [
            {"session_id": row.id, "workspace_id": row.workspace_id, "name": name, "value": value}
            for row in part
            for name, value in json.loads(row.labels).items()
        ]
        if pairs:
            connection.execute(sa.insert(rows), pairs)
