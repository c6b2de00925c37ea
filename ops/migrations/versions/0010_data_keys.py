"""Data keys, with which contents are encrypted"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_keys",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("master_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("wrapped", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("retired_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # Was VARCHAR: a sealed one is longer, and of the same type as all that is sealed.
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.alter_column(
            "fingerprint", type_=sa.Text(), existing_type=sqlmodel.sql.sqltypes.AutoString(), existing_nullable=False
        )


def downgrade() -> None:
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.alter_column(
            "fingerprint", type_=sqlmodel.sql.sqltypes.AutoString(), existing_type=sa.Text(), existing_nullable=False
        )
    op.drop_table("data_keys")
