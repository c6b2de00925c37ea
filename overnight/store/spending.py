"""What the ledger of calls says was spent of the budgets of users and workspaces, and what is under way.

The ledger alone counts. A budget's row keeps the sum of its older part, so that a look reads the last minutes only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, case, exists, func, select, update
from sqlmodel import col

from overnight.budget_models import EVERYBODY, Budget
from overnight.ceilings import Amount, Ceiling, Level, Standing
from overnight.models import ModelCall, Session, Task
from overnight.periods import Period, end_of, start_of
from overnight.states import TaskStatus
from overnight.store.rows import every

#: A call's time is that of its transaction's first statement: older ones are committed by then.
SETTLED_AFTER = timedelta(seconds=60)
FOLD_EVERY = timedelta(seconds=120)

CONCERNED = (
    select(Budget)
    .where(
        col(Budget.workspace_id) == bindparam("workspace"),
        col(Budget.user_id).in_([EVERYBODY, bindparam("user")]),
    )
    .order_by(col(Budget.id))
    .with_for_update()
)
TOKENS = ModelCall.input_tokens + ModelCall.output_tokens + ModelCall.cache_write_tokens + ModelCall.cache_read_tokens
IS_OLD = col(ModelCall.created_at) < bindparam("settled")
SUMS: Any = select(
    func.coalesce(func.sum(col(ModelCall.cost_nanousd)), 0).label("nanousd"),
    func.coalesce(func.sum(TOKENS), 0).label("tokens"),
    func.coalesce(func.sum(case((IS_OLD, col(ModelCall.cost_nanousd)), else_=0)), 0).label("old_nanousd"),
    func.coalesce(func.sum(case((IS_OLD, TOKENS), else_=0)), 0).label("old_tokens"),
).where(col(ModelCall.workspace_id) == bindparam("workspace"), col(ModelCall.created_at) >= bindparam("since"))
#: A request is under way while its task runs and nothing was paid since.
UNDER_WAY: Any = select(
    func.coalesce(func.sum(col(Task.reserved_nanousd)), 0).label("nanousd"),
    func.coalesce(func.sum(col(Task.reserved_tokens)), 0).label("tokens"),
).where(
    col(Task.workspace_id) == bindparam("workspace"),
    col(Task.status) == TaskStatus.RUNNING,
    col(Task.reserved_at).is_not(None),
    col(Task.id) != bindparam("besides"),
    ~exists().where(
        col(ModelCall.session_id) == col(Task.session_id), col(ModelCall.created_at) >= col(Task.reserved_at)
    ),
)


@dataclass(frozen=True, slots=True)
class Count:
    """What was spent in the period at hand, and of that what is old enough to be kept as a sum."""

    spent: Amount
    old: Amount
    since: datetime
    settled: datetime
    is_new_period: bool


def standings(
    connection: Connection, workspace_id: str, user_id: str | None, at: datetime, *, besides: str = ""
) -> list[Standing]:
    """Of the budgets that concern a user's work, which are locked; the task `besides` is not counted as under way."""
    values = {"workspace": workspace_id, "user": user_id or EVERYBODY}
    found = every(connection, Budget, CONCERNED, values)
    return [_standing(connection, budget, at, besides) for budget in found]


def standing(connection: Connection, budget: Budget, at: datetime) -> Standing:
    """How it stands, for those who look on."""
    counted = count(connection, budget, at)
    return _told(budget, counted, Amount(), at)


def count(connection: Connection, budget: Budget, at: datetime) -> Count:
    begun = start_of(Period(budget.period), at)
    is_new = begun > budget.period_start
    since = begun if is_new else budget.counted_until
    before = Amount(0, 0) if is_new else Amount(budget.spent_nanousd, budget.spent_tokens)
    settled = max(since, at - SETTLED_AFTER)
    statement = SUMS if budget.user_id == EVERYBODY else SUMS.where(col(ModelCall.user_id) == budget.user_id)
    values = {"workspace": budget.workspace_id, "since": since, "settled": settled}
    row = connection.execute(statement, values).one()
    spent = Amount((before.nanousd or 0) + int(row.nanousd), before.tokens + int(row.tokens))
    old = Amount((before.nanousd or 0) + int(row.old_nanousd), before.tokens + int(row.old_tokens))
    return Count(spent, old, since, settled, is_new)


def mark_warned(connection: Connection, budget_ids: Sequence[str]) -> None:
    connection.execute(update(Budget).where(col(Budget.id).in_(budget_ids)).values(warned=True))


def _standing(connection: Connection, budget: Budget, at: datetime, besides: str) -> Standing:
    counted = count(connection, budget, at)
    if counted.is_new_period or counted.settled - counted.since > FOLD_EVERY:
        _fold(connection, budget, counted, at)
    return _told(budget, counted, _under_way(connection, budget, besides), at)


def _told(budget: Budget, counted: Count, in_flight: Amount, at: datetime) -> Standing:
    everybody = budget.user_id == EVERYBODY
    return Standing(
        Level.WORKSPACE if everybody else Level.USER,
        budget.id,
        Ceiling(budget.max_nanousd, budget.max_tokens),
        counted.spent,
        in_flight,
        budget.warned and not counted.is_new_period,
        Period(budget.period),
        end_of(Period(budget.period), at),
        None if everybody else budget.user_id,
    )


def _fold(connection: Connection, budget: Budget, counted: Count, at: datetime) -> None:
    kept: dict[str, Any] = {
        "period_start": start_of(Period(budget.period), at),
        "counted_until": counted.settled,
        "spent_nanousd": counted.old.nanousd,
        "spent_tokens": counted.old.tokens,
    }
    if counted.is_new_period:
        kept["warned"] = False
    connection.execute(update(Budget).where(col(Budget.id) == budget.id).values(**kept))


def _under_way(connection: Connection, budget: Budget, besides: str) -> Amount:
    statement = UNDER_WAY
    if budget.user_id != EVERYBODY:
        statement = statement.join(Session, col(Session.id) == col(Task.session_id)).where(
            func.coalesce(col(Task.user_id), col(Session.user_id)) == budget.user_id
        )
    row = connection.execute(statement, {"workspace": budget.workspace_id, "besides": besides}).one()
    return Amount(int(row.nanousd), int(row.tokens))
