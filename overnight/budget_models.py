"""The table of budgets that workspaces and users have; those of sessions and tasks stand in their own rows."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from overnight.models import count
from overnight.periods import Period
from overnight.states import one_of

EVERYBODY = ""  # as a user: the whole workspace


class Budget(SQLModel, table=True):
    """What may be spent in a period. The ledger of calls says what was; of its part before `counted_until` the sum."""

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint(one_of("period", Period), name="budget_period"),
        UniqueConstraint("workspace_id", "user_id", "period", name="budget_scope"),
    )

    id: str = Field(primary_key=True)
    workspace_id: str
    user_id: str = EVERYBODY
    period: str = Period.TOTAL.value
    max_nanousd: int | None = Field(default=None, sa_type=BigInteger)
    max_tokens: int | None = Field(default=None, sa_type=BigInteger)
    period_start: datetime
    counted_until: datetime
    spent_nanousd: int = count()
    spent_tokens: int = count()
    warned: bool = False
    created_at: datetime
    updated_at: datetime
