"""What is told of a budget: to the task that waits for it, and to those who are warned."""

from typing import Any

from overnight.ceilings import Level, Standing
from overnight.periods import Period
from overnight.pricing import NANO
from overnight.store.forecasts import Forecast

REACHED = "budget_reached"
IN_USE = "budget_in_use"
PATHS = {Level.TASK: "/v1/tasks", Level.SESSION: "/v1/sessions"}
SPANS = {Period.TOTAL: "", Period.DAY: " for this day", Period.MONTH: " for this month"}


def shown(standing: Standing) -> dict[str, Any]:
    """Which budget, and how far it is spent."""
    ceiling, spent = standing.ceiling, standing.spent
    return {
        "level": standing.level,
        "id": standing.id,
        "user_id": standing.user_id,
        "period": standing.period,
        "max_usd": usd(ceiling.nanousd),
        "max_tokens": ceiling.tokens,
        "spent_usd": usd(spent.nanousd),
        "spent_tokens": spent.tokens,
        "renews_at": standing.renews_at.isoformat() if standing.renews_at else None,
    }


def why_held(standing: Standing, forecast: Forecast, *, full: bool) -> dict[str, Any]:
    """The error ({type, message, budget}) of a task that waits for money."""
    owner = f"user {standing.user_id}" if standing.level is Level.USER else f"the {standing.level}"
    budget = f"the budget of {owner}{SPANS[standing.period]}"
    if not full:
        said = f"what is left of {budget} may be taken by requests under way; looking again when they are done"
        return {"type": IN_USE, "message": said, "budget": shown(standing)}
    if standing.ceiling.nanousd is not None and None in (forecast.amount.nanousd, standing.spent.nanousd):
        said = f"{budget} is in dollars, and {forecast.model} or a model before it has no listed price"
        remedy = "add its price (OVERNIGHT_PRICES), or give the budget in tokens"
        return {"type": REACHED, "message": f"{said}; {remedy}", "budget": shown(standing)}
    said = f"{budget} is reached: {_how_far(standing, forecast)}"
    return {"type": REACHED, "message": f"{said}; {_remedy(standing)}", "budget": shown(standing)}


def usd(nanousd: int | None) -> float | None:
    return None if nanousd is None else nanousd / NANO


def _how_far(standing: Standing, forecast: Forecast) -> str:
    ceiling, spent, wish = standing.ceiling, standing.spent, forecast.amount
    parts = []
    if ceiling.nanousd is not None:
        dollars = [f"${(amount or 0) / NANO:.4f}" for amount in (spent.nanousd, ceiling.nanousd, wish.nanousd)]
        parts.append("{} of {} are spent and the next request takes about {}".format(*dollars))
    if ceiling.tokens is not None:
        parts.append(
            f"{spent.tokens:,} of {ceiling.tokens:,} tokens are used and the next request takes about {wish.tokens:,}"
        )
    return ", ".join(parts)


def _remedy(standing: Standing) -> str:
    path = PATHS.get(standing.level, "/v1/budgets")
    wait = f", or wait until {standing.renews_at:%Y-%m-%dT%H:%MZ}" if standing.renews_at else ""
    return f"raise it with POST {path}/{standing.id} to go on{wait}"
