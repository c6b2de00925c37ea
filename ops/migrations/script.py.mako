"""${message}"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import overnight.store.json_text

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
