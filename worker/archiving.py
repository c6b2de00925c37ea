"""How an owner archives a session: summarised by Claude if it can be, and perhaps with a successor."""

from typing import Any

import structlog

from overnight import expiry
from overnight.expiry import said_of_age
from overnight.history.context import Entry
from overnight.history.request import Request, summary_request
from overnight.states import ArchiveReason, OnExpiry
from overnight.store import budgets, pauses, retirement, succession
from overnight.store.calls import Call
from overnight.store.leases import Lease
from overnight.store.submissions import WAKE_GRACE
from worker.asking import Heard, ask
from worker.governor.asking import Refusal
from worker.granting import for_summary
from worker.held import Held
from worker.history import load_history
from worker.persist import persist
from worker.process import Process
from worker.requests import setting_of

log = structlog.get_logger(__name__)

SUMMARY_TOKENS = 2_000
CHEAP = "claude-haiku-5-5"
#: Seconds until one is looked at again that found the process busy with other summaries.
CROWDED = 5.0
SUMMARISE = (
    "This conversation is being archived. Write a summary for whoever resumes it, in at most 400 words: what was "
    "asked, what was decided and why, what was produced, what is still open. Do not address anybody."
)


def archive(process: Process, held: Held, lease: Lease, reason: ArchiveReason) -> bool:
    """False, and nothing changed, when a task was quicker. Raises `LeaseLost`."""
    if lease.ledger_seq == 0 or _is_spent(process, lease):
        return _close(process, held, lease, reason, None, None, None)
    if not process.summaries.acquire(blocking=False):
        return persist(process, held, retirement.put_off, lease, CROWDED)
    try:
        return _archive_summarised(process, held, lease, reason)
    finally:
        process.summaries.release()


def _is_spent(process: Process, lease: Lease) -> bool:
    """A session that has reached its budget asks Claude nothing more."""
    if not lease.has_budget and not process.budgeted.has(lease.workspace_id):
        return False
    with process.database.write() as connection:
        return budgets.is_spent(connection, lease)


def _archive_summarised(process: Process, held: Held, lease: Lease, reason: ArchiveReason) -> bool:
    request = _summary_request(process, lease)
    grant = for_summary(process, lease, request, is_background=True)
    if isinstance(grant, Refusal):
        return persist(process, held, retirement.put_off, lease, grant.delay)
    return _archive_with(process, held, lease, reason, ask(process, held, request, grant, purpose="summary"))


def _archive_with(process: Process, held: Held, lease: Lease, reason: ArchiveReason, heard: Heard) -> bool:
    if heard.message is not None and _close_with(process, held, lease, reason, _text(heard), heard.call):
        return True
    if heard.call is not None:
        held.owed = heard.call  # nor was it written with a summary that a task was quicker than
        persist(process, held, pauses.spend, lease, None, heard.call)
    if heard.message is not None:  # a task was quicker than the summary
        return False
    if heard.failure is None:  # halted: the next owner does it
        return persist(process, held, retirement.put_off, lease, WAKE_GRACE)
    problem = str(heard.failure.error["message"])
    if lease.summary_attempts + 1 >= process.settings.summary_attempts:
        return _close(process, held, lease, reason, None, problem, None)
    delay = process.settings.retry_base * 2**lease.summary_attempts
    log.warning(
        "summary_failed",
        session=lease.session_id,
        attempt=lease.summary_attempts + 1,
        error=heard.failure.error["type"],
    )
    return persist(process, held, retirement.postpone, lease, delay)


def _summary_request(process: Process, lease: Lease) -> Request:
    cheap = process.settings.summary_model or CHEAP
    model = lease.model if lease.summary_attempts else cheap  # what one fails at, the other may do
    history = load_history(process.database, lease)
    setting = setting_of(lease, _described(history))
    return summary_request(setting, history, SUMMARISE, model, min(SUMMARY_TOKENS, lease.max_tokens))


def _described(history: list[Entry]) -> list[dict[str, Any]]:
    """The tools that were called, by name alone: Claude takes no calls of tools that a request does not define."""
    blocks = (block for entry in history for block in entry.content)
    names = sorted({block["name"] for block in blocks if block["type"] == "tool_use"})
    return [{"name": name, "input_schema": {"type": "object"}} for name in names]


def _close(
    process: Process,
    held: Held,
    lease: Lease,
    reason: ArchiveReason,
    summary: str | None,
    problem: str | None,
    call: Call | None,
) -> bool:
    return persist(
        process, held, lambda connection: retirement.archive(connection, lease, reason, summary, problem, call)
    )


def _close_with(
    process: Process, held: Held, lease: Lease, reason: ArchiveReason, summary: str, call: Call | None
) -> bool:
    if held.limits.then(reason) is not OnExpiry.CONTINUE or not summary.strip():
        return _close(process, held, lease, reason, summary, None, call)
    said = (process.endings.of(lease.workspace_id), process.agents.expiry(lease), lease.expiry)
    max_age, look = said_of_age(*said), expiry.first_look(held.limits)
    return persist(process, held, succession.hand_over, lease, reason, summary, call, max_age=max_age, idle_check=look)


def _text(heard: Heard) -> str:
    assert heard.message is not None
    return "".join(block["text"] for block in heard.message["content"] if block["type"] == "text")
