"""Priorities of tasks; those there are stay interactive"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("priority", sqlmodel.sql.sqltypes.AutoString(), server_default="interactive", nullable=False)
        )
        batch_op.create_check_constraint("task_priority", "priority IN ('interactive', 'background')")


def downgrade() -> None:
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_constraint("task_priority", type_="check")
        batch_op.drop_column("priority")
