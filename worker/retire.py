"""What an owner does with a session whose end has come: warn, summarise, archive, go on in another, delete.

A task that arrives first wins.
"""

from overnight import expiry
from overnight.models import Task
from overnight.states import ArchiveReason, OnExpiry
from overnight.store import pauses, retirement
from overnight.store.leases import Lease
from worker.archiving import archive
from worker.held import Held
from worker.persist import persist
from worker.process import Process


def retire(process: Process, held: Held, lease: Lease) -> Task | None:
    """Lets go of an idle session, having done what is due; gives the task that has arrived meanwhile, if one has."""
    verdict = expiry.judge(
        held.limits,
        created_at=lease.created_at,
        idle_since=lease.idle_since or lease.now,
        notified_at=lease.notified_at,
        now=lease.now,
        standing=lease.standing(),
    )
    match verdict:
        case expiry.Notify(reason, expires_at):
            gone = persist(process, held, retirement.warn, lease, reason, expires_at)
        case expiry.Expire(reason):
            gone = _end(process, held, lease, reason)
        case _:
            gone = False
    return None if gone else persist(process, held, pauses.rest, lease, held.limits)


def _end(process: Process, held: Held, lease: Lease, reason: ArchiveReason) -> bool:
    if held.limits.then(reason) is OnExpiry.DELETE:
        return persist(process, held, retirement.remove, lease)
    return archive(process, held, lease, reason)
