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
    deadline = ends(limits, created_at, idle_since)
    if deadline is None:
        return Keep(until=None)
    reason, end = deadline
    if end <= now:
        return Expire(reason)
    if limits.notice <= 0 or notified_at is not None:
        return Keep(until=end)
    notice_at = end - timedelta(seconds=limits.notice)
    return Notify(reason, end) if notice_at <= now else Keep(until=notice_at)


def ends(limits: Limits, created_at: datetime, idle_since: datetime | None) -> tuple[ArchiveReason, datetime] | None:
    """When a session would end if nobody used it any more, and why; None: never. `idle_since` None: it is at work."""
    times = []
    if limits.idle_ttl > 0 and idle_since is not None:
        times.append((ArchiveReason.IDLE, idle_since + timedelta(seconds=limits.idle_ttl)))
    if limits.max_age > 0:
        times.append((ArchiveReason.MAX_AGE, created_at + timedelta(seconds=limits.max_age)))
    return min(times, key=lambda end: end[1], default=None)


def next_look(limits: Limits, *, created_at: datetime, now: datetime) -> datetime | None:
    """When a session that becomes idle now wants attention next."""
    verdict = judge(limits, created_at=created_at, idle_since=now, notified_at=None, now=now)
    return verdict.until if isinstance(verdict, Keep) else now
