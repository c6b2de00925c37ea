"""What a session tells when a step has brought it near the length that ends it."""

from sqlalchemy import Connection

from overnight import event_types, expiry
from overnight.expiry import Limits, Standing
from overnight.states import ArchiveReason
from overnight.store import events
from overnight.store.calls import Call
from overnight.store.events import Draft
from overnight.store.leases import Lease
from overnight.store.places import reserve


def told(limits: Limits, after: Standing, *, messages: int = 0, call: Call | None = None) -> list[Draft]:
    """Of a step that has added `messages` and `call` to what it is `after`; at most one for each limit."""
    tokens = call.used.total if call else 0
    before = Standing(after.messages - messages, after.tokens - tokens)
    return [_draft(near) for near in expiry.nears(limits, before, after)]


def tell(connection: Connection, lease: Lease, limits: Limits, messages: int, *, added: int) -> None:
    """The same of a ledger that has grown by `added` without a request, in a transaction that has taken the session."""
    drafts = told(limits, Standing(messages), messages=added)
    if drafts:
        place = reserve(connection, lease.session_id, events=len(drafts))
        events.append(connection, lease.workspace_id, lease.session_id, place.event_seq, place.now, drafts)


def _draft(near: expiry.Near) -> Draft:
    when = {"reason": ArchiveReason.TOO_LONG, "expires_at": None}
    return Draft(event_types.SESSION_EXPIRING, {**when, near.unit: near.count, "limit": near.limit})
