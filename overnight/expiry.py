"""When a session that nobody uses is warned and archived: pure decisions on database times."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from overnight.states import ArchiveReason


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; zero switches a limit off. `notice` is how long before its end a session says so."""

    idle_ttl: float
    max_age: float
    notice: float


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing to do before `until` (None: ever)."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Notify:
    reason: ArchiveReason
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Expire:
    reason: ArchiveReason


def judge(
    limits: Limits, *, created_at: datetime, idle_since: datetime, notified_at: datetime | None, now: datetime
) -> Keep | Notify | Expire:
    """What an idle session needs at this moment."""
    deadline = _deadline(limits, created_at, idle_since)
    if deadline is None:
        return Keep(until=None)
    reason, ends = deadline
    if ends <= now:
        return Expire(reason)
    if limits.notice <= 0 or notified_at is not None:
        return Keep(until=ends)
    notice_at = ends - timedelta(seconds=limits.notice)
    return Notify(reason, ends) if notice_at <= now else Keep(until=notice_at)


def _deadline(limits: Limits, created_at: datetime, idle_since: datetime) -> tuple[ArchiveReason, datetime] | None:
    ends = []
    if limits.idle_ttl > 0:
        ends.append((ArchiveReason.IDLE, idle_since + timedelta(seconds=limits.idle_ttl)))
    if limits.max_age > 0:
        ends.append((ArchiveReason.MAX_AGE, created_at + timedelta(seconds=limits.max_age)))
    return min(ends, key=lambda end: end[1], default=None)


def next_look(limits: Limits, *, created_at: datetime, now: datetime) -> datetime | None:
    """When a session that becomes idle now wants attention next."""
    verdict = judge(limits, created_at=created_at, idle_since=now, notified_at=None, now=now)
    return verdict.until if isinstance(verdict, Keep) else now
