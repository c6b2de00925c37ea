"""A turn's next request, made of the history that is sent. Pure."""

from collections.abc import Sequence

from overnight.history.context import Entry
from overnight.history.request import Definition, Request, Setting, next_request
from overnight.store.leases import Lease
from overnight.store.turn import Turn


def of_turn(turn: Turn, history: Sequence[Entry], tools: Sequence[Definition]) -> Request:
    """Its prompt, or what follows the results of its calls."""
    task = turn.task
    return next_request(setting_of(turn.lease, tools), history, turn.prompt, opening=task.content, note=task.note or [])


def setting_of(lease: Lease, tools: Sequence[Definition]) -> Setting:
    return Setting(lease.model, lease.max_tokens, lease.system, tools, lease.context_from, lease.context_cut)
