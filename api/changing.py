"""What callers change of a session that goes on, and how its record tells it."""

from collections.abc import Mapping
from typing import Any

from api import render_agents, toolbox
from api.defining import patched
from api.schemas_budgets import Budget, OwnBudget
from api.schemas_sessions import AgentPatch, SessionChange
from overnight import money
from overnight.agents import built_in, resolve
from overnight.ceilings import Ceiling
from overnight.errors import InvalidRequest
from overnight.expiry import end_by_age
from overnight.models import Session
from overnight.pricing import price_of
from overnight.settings import Settings
from overnight.store import budgets
from overnight.store.session_changes import BUDGET, Amend
from overnight.store.session_pages import Seen

#: Columns of which the record tells the whole, by their name on the wire.
REPLACED = ("title", "notes", "context_key", "user_id", "max_tokens")
PLAIN = {**{name: name for name in REPLACED}, "labels": "metadata"}


def amendment(request: SessionChange, settings: Settings) -> Amend:
    """Of the fields that were sent; null clears."""
    sent = request.model_fields_set

    def amend(seen: Seen) -> Mapping[str, Any]:
        changes: dict[str, Any] = {name: getattr(request, name) for name in REPLACED if name in sent}
        if request.metadata:
            changes["labels"] = patched(seen.session.labels, request.metadata, "session")
        if "budget" in sent:
            ceiling = _budget(seen.session, request.budget)
            changes |= {"budget_nanousd": ceiling.nanousd, "budget_tokens": ceiling.tokens}
        if "expiry" in sent:
            own = request.expiry.said() if request.expiry else None
            age = (own or {}).get("max_age")
            changes |= {"expiry": own, "ends_at": end_by_age(seen.session.created_at, age)}
        if request.agent is not None:
            changes["overrides"] = _overrides(seen, request.agent, settings)
        return changes

    return amend


def told(seen: Seen, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of `session.updated`: what changed, as it is now."""
    row = seen.session
    payload = {wire: getattr(row, name) for name, wire in PLAIN.items() if name in changes}
    if changes.keys() & BUDGET:
        payload["budget"] = money.limit(row.budget_nanousd, row.budget_tokens)
    if "expiry" in changes:
        payload["expiry"] = row.expiry
    if "overrides" in changes:
        payload["agent"] = render_agents.of_session(seen)
    return payload


def check_price(model: str, budget: Budget | OwnBudget | None) -> None:
    """A model without a listed price would make a budget in dollars void. Raises `InvalidRequest`."""
    if budget is not None and budget.ceiling.nanousd is not None and price_of(model, 0) is None:
        why = f"{model} has no listed price, so its cost cannot be limited; limit its tokens, or use another model"
        raise InvalidRequest(f"budget: {why}", field="budget", reason="model_not_budgetable")


def _budget(before: Session, budget: Budget | None) -> Ceiling:
    if budget is None:
        return Ceiling()
    if before.budget_nanousd is None and before.budget_tokens is None:
        why = "the session has none, and one is set only when a session is created"
        raise InvalidRequest(f"budget: {why}", field="budget", reason="budget_create_only")
    _check_is_raised(before, budget.ceiling)
    return budget.ceiling


def _check_is_raised(before: Session, ceiling: Ceiling) -> None:
    used, spent = budgets.tokens_of(before), before.cost_nanousd
    if ceiling.tokens is not None and ceiling.tokens <= used:
        raise InvalidRequest(
            f"budget.max_tokens: the session has used {used:,} tokens; give more than that",
            field="budget.max_tokens",
            reason="budget_not_raised",
        )
    if ceiling.nanousd is not None and (spent is None or ceiling.nanousd <= spent):
        so_far = "an unknown amount" if spent is None else f"{spent / money.CENT:.2f} cents"
        raise InvalidRequest(
            f"budget.max_list_cost.amount: the session has cost {so_far}; give more than that",
            field="budget.max_list_cost.amount",
            reason="budget_not_raised",
        )


def _overrides(seen: Seen, patch: AgentPatch, settings: Settings) -> dict[str, Any] | None:
    overrides = {**(seen.session.overrides or {}), **patch.overrides()}
    resolved = resolve(seen.agent or built_in(settings), overrides)
    toolbox.check(resolved.tools, resolved.mcp_servers, settings, where="agent.")
    toolbox.check_all_are_used(resolved.tools, resolved.mcp_servers, where="agent.")
    return overrides or None
