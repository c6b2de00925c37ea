"""A task's state, its end and its cost in a few words."""

from typing import Any

from overnight.cli.output import harmless, local_time, money, shortened

Json = dict[str, Any]


def state(task: Json) -> str:
    """`queued · 2 ahead`, `running`, `waiting: retry, attempt 3, again at 12:01:09 (overloaded_error: …)`."""
    if task["status"] == "queued" and task.get("queue_position"):
        return f"queued · {task['queue_position']} ahead"
    if task["status"] != "waiting":
        return str(task["status"])
    attempt = [f"attempt {task['attempts'] + 1}"] if task["wait_reason"] == "retry" else []
    due = [f"again at {local_time(task['due_at'])}"] if task["due_at"] not in {None, task.get("deadline")} else []
    return f"waiting: {', '.join([task['wait_reason'], *attempt, *due])}{_cause(task)}"


def progress(task: Json) -> str:
    """`50 % · halfway there`, as its agent reported last; empty when it has not."""
    reported = task.get("progress") or {}
    return harmless(" · ".join(filter(None, [percent(reported.get("fraction")), reported.get("note")])))


def percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{fraction:.0%}".replace("%", " %")


def ending(task: Json, seconds: float) -> str:
    """`succeeded in 12 s · 1,234 tokens in (1,000 cached), 567 out · $0.0123`."""
    return f"{task['status']} in {duration(seconds)} · {tokens(task['usage'])} · {money(task['cost_usd'])}"


def tokens(usage: Json | None) -> str:
    used = usage or {}
    cached = used.get("cache_read_input_tokens") or 0
    written = used.get("cache_creation_input_tokens") or 0
    sent = (used.get("input_tokens") or 0) + cached + written
    from_cache = f" ({cached:,} cached)" if cached else ""
    return f"{sent:,} tokens in{from_cache}, {used.get('output_tokens') or 0:,} out"


def budget(task: Json) -> str:
    """`$0.5000 · 200,000 tokens`; empty when it has none of its own."""
    limits = task.get("budget") or {}
    dollars = money(limits["max_usd"]) if limits.get("max_usd") else None
    most = f"{limits['max_tokens']:,} tokens" if limits.get("max_tokens") else None
    return " · ".join(filter(None, [dollars, most]))


def failure(task: Json) -> str:
    """Why a task failed: the error's type and message."""
    error = task.get("error") or {}
    return harmless(f"{error.get('type', 'error')}: {error.get('message', 'no reason was recorded')}")


def duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _cause(task: Json) -> str:
    return f" ({shortened(failure(task), 100)})" if task.get("error") else ""
