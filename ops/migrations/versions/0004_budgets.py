"""Budgets of sessions, and system messages that go with a prompt or with results"""

import sqlalchemy as sa
from alembic import op

import overnight.store.json_text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NOTES = ("note", "result_note")


def upgrade() -> None:
    op.add_column("sessions", sa.Column("budget_nanousd", sa.BigInteger(), nullable=True))
    for note in NOTES:
        op.add_column("tasks", sa.Column(note, overnight.store.json_text.JsonText(), nullable=True))
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_constraint("message_role", type_="check")
        batch_op.create_check_constraint("message_role", "role IN ('user', 'system', 'assistant')")


def downgrade() -> None:
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_constraint("message_role", type_="check")
        batch_op.create_check_constraint("message_role", "role IN ('user', 'assistant')")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        for note in NOTES:
            batch_op.drop_column(note)
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("budget_nanousd")
