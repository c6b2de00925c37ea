"""Budgets of workspaces and users: set, listed, raised, removed; and those who waited for one go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, insert, literal, or_, select, update
from sqlmodel import col

from overnight.budget_models import EVERYBODY, Budget
from overnight.ceilings import Ceiling, Standing
from overnight.errors import InvalidRequest, NotFound
from overnight.ids import BUDGET, new_id
from overnight.models import Session, Task
from overnight.periods import Period, start_of
from overnight.states import Life, TaskStatus, WaitReason
from overnight.store import spending
from overnight.store.clock import after, now, read_clock
from overnight.store.listing import Cursor, paged
from overnight.store.rows import every, first
from overnight.store.submissions import LEASED, WAKE_GRACE

#: Tasks that are let go on in one transaction.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """A budget, and how it stands."""

    budget: Budget
    standing: Standing


def create(connection: Connection, workspace_id: str, user_id: str | None, period: Period, ceiling: Ceiling) -> Seen:
    """What was spent of the period before counts. Raises `InvalidRequest` where there is one already."""
    known = _of_scope(connection, workspace_id, user_id, period)
    if known is not None:
        whose = f"user {user_id}" if user_id else "the workspace"
        raise InvalidRequest(
            f"period: {whose} has a budget of this kind, {known.id}; change it with POST /v1/budgets/{known.id}",
            field="period",
            reason="budget_exists",
        )
    at = read_clock(connection)
    begun = start_of(period, at)
    budget = Budget(
        id=new_id(BUDGET),
        workspace_id=workspace_id,
        user_id=user_id or EVERYBODY,
        period=period,
        max_nanousd=ceiling.nanousd,
        max_tokens=ceiling.tokens,
        period_start=begun,
        counted_until=begun,
        created_at=at,
        updated_at=at,
    )
    connection.execute(insert(Budget).values(budget.model_dump()))
    return Seen(budget, spending.standing(connection, budget, at))


def get(connection: Connection, workspace_id: str, budget_id: str) -> Seen:
    """Raises `NotFound`, also for another workspace's."""
    budget = _find(connection, workspace_id, budget_id)
    return Seen(budget, spending.standing(connection, budget, read_clock(connection)))


def page(
    connection: Connection, workspace_id: str, user_id: str | None, *, limit: int, cursor: Cursor | None
) -> list[Seen]:
    """Newest first; with `user_id` only that user's."""
    statement = select(Budget).where(col(Budget.workspace_id) == workspace_id)
    if user_id is not None:
        statement = statement.where(col(Budget.user_id) == user_id)
    at = read_clock(connection)
    found = every(connection, Budget, paged(statement, Budget, limit=limit, cursor=cursor))
    return [Seen(budget, spending.standing(connection, budget, at)) for budget in found]


def change(connection: Connection, workspace_id: str, budget_id: str, amend: Callable[[Ceiling], Ceiling]) -> None:
    """Raises `NotFound`, and `InvalidRequest` where no limit is left.

    Those who look while it changes wait for its row, and are found by `let_go_on` after.
    """
    before = _find(connection, workspace_id, budget_id, lock=True)
    ceiling = amend(Ceiling(before.max_nanousd, before.max_tokens))
    if not ceiling.exists:
        raise InvalidRequest("body: no limit would be left; delete the budget instead", field="body")
    changed = {"max_nanousd": ceiling.nanousd, "max_tokens": ceiling.tokens, "warned": False, "updated_at": now()}
    connection.execute(update(Budget).where(col(Budget.id) == budget_id).values(**changed))


def remove(connection: Connection, workspace_id: str, budget_id: str) -> None:
    """Raises `NotFound`."""
    mine = (col(Budget.id) == budget_id, col(Budget.workspace_id) == workspace_id)
    if connection.execute(delete(Budget).where(*mine)).rowcount == 0:
        raise NotFound(f"budget {budget_id} not found")


def let_go_on(connection: Connection, workspace_id: str, budget_id: str) -> tuple[int, Sequence[str]]:
    """Makes tasks that wait for the budget due, a batch of them: in how many sessions, and which of them to wake.

    In a transaction after that which raised it: who had looked before that has committed his wait by then.
    """
    waiting = (
        col(Task.workspace_id) == workspace_id,
        col(Task.held_by) == budget_id,
        col(Task.wait_reason) == WaitReason.BUDGET,
        col(Task.status) == TaskStatus.WAITING,
        or_(col(Task.due_at).is_(None), col(Task.due_at) > now()),
    )
    taken = (
        select(col(Session.id))
        .join(Task, col(Task.session_id) == col(Session.id))
        .where(*waiting, col(Session.life) == Life.ACTIVE)
        .order_by(col(Session.id))
        .limit(BATCH)
        .with_for_update(of=Session)
    )
    ids = connection.execute(taken).scalars().all()
    called = (
        update(Session)
        .where(col(Session.id).in_(ids))
        .values(
            inbox=Session.inbox + 1,
            wakes=case((LEASED, col(Session.wakes)), else_=1),
            wake_at=case((LEASED, col(Session.wake_at)), else_=after(literal(WAKE_GRACE))),
        )
        .returning(col(Session.id), LEASED.label("leased"))
    )
    rows = connection.execute(called).all()
    connection.execute(update(Task).where(col(Task.session_id).in_(ids), *waiting).values(due_at=now()))
    return len(ids), [row.id for row in rows if not row.leased]


def budgeted_workspaces(connection: Connection) -> frozenset[str]:
    """The workspaces in which somebody has a budget."""
    return frozenset(connection.execute(select(col(Budget.workspace_id)).distinct()).scalars())


def _find(connection: Connection, workspace_id: str, budget_id: str, *, lock: bool = False) -> Budget:
    statement = select(Budget).where(col(Budget.id) == budget_id, col(Budget.workspace_id) == workspace_id)
    budget = first(connection, Budget, statement.with_for_update() if lock else statement)
    if budget is None:
        raise NotFound(f"budget {budget_id} not found")
    return budget


def _of_scope(connection: Connection, workspace_id: str, user_id: str | None, period: Period) -> Budget | None:
    return first(
        connection,
        Budget,
        select(Budget).where(
            col(Budget.workspace_id) == workspace_id,
            col(Budget.user_id) == (user_id or EVERYBODY),
            col(Budget.period) == period,
        ),
    )
