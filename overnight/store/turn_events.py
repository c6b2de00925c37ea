"""The events of a turn: what its owner tells of it as it goes."""

from typing import Any

from overnight import event_types, money
from overnight.models import Task
from overnight.store import calls
from overnight.store.calls import Call
from overnight.store.events import Draft

REQUEST_FAILED = "model_request_failed_error"
#: What Managed Agents calls our failures. What is not listed is a request to Claude that failed.
WIRE_ERRORS = {
    "overloaded_error": "model_overloaded_error",
    "rate_limit_error": "model_rate_limited_error",
    "billing_error": "billing_error",
    "max_steps_exceeded": "tool_use_limit_reached_error",
    **dict.fromkeys(("deadline_exceeded", "internal_error", "invalid_tools", "tools_unavailable"), "unknown_error"),
}
#: Managed Agents' categories of refusals; Claude may have more.
CATEGORIES = frozenset({"cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms"})


def request_start(model: str, task: Task) -> Draft:
    return Draft(event_types.REQUEST_START, {"model": model, "attempt": task.attempts + 1}, task.id)


def request_end(span: Draft | None, call: Call | None) -> list[Draft]:
    """Closes `span`, if there is one; without a call, or with one whose reply was dropped, as an error."""
    if span is None:
        return []
    used = call.counts if call else dict.fromkeys(calls.COUNTED, 0)
    payload = {
        "model_request_start_id": span.id,
        "is_error": call is None or call.outcome != "kept",
        "model_usage": {
            "input_tokens": used["input_tokens"],
            "output_tokens": used["output_tokens"],
            "cache_creation_input_tokens": used["cache_write_tokens"],
            "cache_read_input_tokens": used["cache_read_tokens"],
        },
    }
    return [Draft(event_types.REQUEST_END, payload, span.task_id)]


def spoken(content: list[dict[str, Any]], task_id: str, event_id: str) -> list[Draft]:
    """What Claude thought and said; `event_id` is that of its `agent.message`."""
    thought = any(block["type"] in {"thinking", "redacted_thinking"} for block in content)
    texts = [{"type": "text", "text": block["text"]} for block in content if block["type"] == "text"]
    thinking = [Draft(event_types.AGENT_THINKING, task_id=task_id)] if thought else []
    message = [Draft(event_types.AGENT_MESSAGE, {"content": texts}, task_id, event_id)] if texts else []
    return [*thinking, *message]


def failure(error: dict[str, Any], task_id: str, retry_status: str) -> Draft:
    """`session.error` as Managed Agents names it, with our own name as its `cause`; retrying or exhausted."""
    named = {**error, "type": WIRE_ERRORS.get(error["type"], REQUEST_FAILED), "cause": error["type"]}
    return Draft(event_types.SESSION_ERROR, {"error": {**named, "retry_status": {"type": retry_status}}}, task_id)


def requires_action(task: Task, event_ids: list[str]) -> Draft:
    """The session is idle until somebody answers these."""
    return idle("requires_action", task, event_ids=event_ids)


def idle(stop_reason: str, task: Task, **more: Any) -> Draft:
    return Draft(event_types.SESSION_IDLE, {"stop_reason": {"type": stop_reason, **more}}, task.id)


def failed(error: dict[str, Any], task: Task) -> Draft:
    """The session is idle after a failure. A refusal is told as such."""
    if error["type"] != "refusal":
        return idle("retries_exhausted", task)
    category = error.get("category")
    details = {
        "type": "refusal",
        "category": category if category in CATEGORIES else None,
        "explanation": error["message"],
    }
    return Draft(event_types.SESSION_IDLE, {"stop_reason": {"type": "refusal"}, "stop_details": details}, task.id)


def usage(sums: Any, task: Task) -> Draft:
    """What the session has used up to now; `sums` has the columns of `Usage`, and the budget."""
    used = {
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "cache_creation_input_tokens": sums.cache_write_tokens,
        "cache_read_input_tokens": sums.cache_read_tokens,
        "list_cost": money.amount(sums.cost_nanousd),
    }
    return Draft(
        event_types.SESSION_USAGE,
        {"usage": used, "budget": money.limit(sums.budget_nanousd, sums.budget_tokens)},
        task.id,
    )
