"""A turn's next request, made of the history that is sent. Pure."""

from collections.abc import Sequence

from overnight.history import caching, context
from overnight.history.context import Entry
from overnight.store.turn import Turn
from worker.claude import Definition, Request


def of_turn(turn: Turn, history: Sequence[Entry], tools: list[Definition]) -> Request:
    """Its prompt, or what follows the results of its calls."""
    lease, task, prompt = turn.lease, turn.task, turn.prompt
    sent = context.messages(
        history,
        prompt,
        lease.context_cut,
        opening=task.content,
        note=task.note or [],
        begin_after=lease.context_from,
    )
    return Request(
        lease.model,
        lease.max_tokens,
        lease.system,
        sent,
        tools,
        is_paused=not prompt and bool(history) and history[-1].role == "assistant",
        marks=caching.places(sent, history, lease.context_from),
        cache=caching.control(history),
    )
