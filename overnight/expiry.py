"""When a session is warned and ended, by rest, age, length or its user: pure decisions on database times."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from overnight.states import ArchiveReason, OnExpiry

SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
#: When a session ends that says itself that its age ends it never.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
#: The share of a length at which a session says that it is about to end.
NEAR = 0.9
#: What a workspace, an agent or a session may say of it; null, or nothing: as those say that are wider.
SAID = ("idle_ttl", "max_age", "max_messages", "max_tokens", "on_expiry")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and counts; zero switches a limit off. `notice` is how long before its end a session says so."""

    idle_ttl: float
    max_age: float
    notice: float
    max_messages: int = 0
    max_tokens: int = 0
    on_expiry: OnExpiry = OnExpiry.ARCHIVE

    @property
    def lengths(self) -> int:
        """How many limits of its length there are."""
        return (self.max_messages > 0) + (self.max_tokens > 0)

    def then(self, reason: ArchiveReason) -> OnExpiry:
        """What happens at an end of this kind: whoever archives by hand gets just that."""
        return OnExpiry.ARCHIVE if reason is ArchiveReason.USER else self.on_expiry

    def narrowed(self, *said: Mapping[str, Any] | None) -> "Limits":
        """With what `said` sets, the widest first: the narrowest that says something counts, be it more or less."""
        if not any(said):
            return self
        merged = _merged(*said)
        if "on_expiry" in merged:
            merged["on_expiry"] = OnExpiry(merged["on_expiry"])
        return replace(self, **merged)


@dataclass(frozen=True, slots=True)
class Standing:
    """How long a session is, and what holds for its end in spite of its limits."""

    messages: int = 0
    tokens: int = 0
    ends_at: datetime | None = None  # by its age
    kept_until: datetime | None = None
    unwanted: bool = False  # its user wants it archived, whatever else holds


NEW = Standing()


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


@dataclass(frozen=True, slots=True)
class Near:
    """A length that is about to end a session: `messages` or `tokens`, how many there are, and their limit."""

    unit: str
    count: int
    limit: int


def judge(
    limits: Limits,
    *,
    created_at: datetime,
    idle_since: datetime,
    notified_at: datetime | None,
    now: datetime,
    standing: Standing = NEW,
) -> Keep | Notify | Expire:
    """What an idle session needs at this moment."""
    deadline = ends(limits, created_at, idle_since, standing)
    if deadline is None:
        return Keep(until=None)
    reason, end = deadline
    if end <= now:
        return Expire(reason)
    if limits.notice <= 0 or notified_at is not None:
        return Keep(until=end)
    notice_at = end - timedelta(seconds=limits.notice)
    return Notify(reason, end) if notice_at <= now else Keep(until=notice_at)


def ends(
    limits: Limits, created_at: datetime, idle_since: datetime | None, standing: Standing = NEW
) -> tuple[ArchiveReason, datetime] | None:
    """When a session would end if nobody used it any more, and why; None: never. `idle_since` None: it is at work."""
    if standing.unwanted and idle_since is not None:
        return ArchiveReason.USER, idle_since
    times = []
    if limits.idle_ttl > 0 and idle_since is not None:
        times.append((ArchiveReason.IDLE, idle_since + timedelta(seconds=limits.idle_ttl)))
    if standing.ends_at is not None and standing.ends_at < NEVER:
        times.append((ArchiveReason.MAX_AGE, standing.ends_at))
    elif standing.ends_at is None and limits.max_age > 0:
        times.append((ArchiveReason.MAX_AGE, created_at + timedelta(seconds=limits.max_age)))
    if idle_since is not None and _is_too_long(limits, standing):
        times.append((ArchiveReason.TOO_LONG, idle_since))
    first = min(times, key=lambda end: end[1], default=None)
    if first is None or standing.kept_until is None:
        return first
    return first[0], max(first[1], standing.kept_until)


def nears(limits: Limits, before: Standing, after: Standing) -> list[Near]:
    """The lengths that have come so near their limits between the two."""
    lengths = [
        ("messages", before.messages, after.messages, limits.max_messages),
        ("tokens", before.tokens, after.tokens, limits.max_tokens),
    ]
    return [Near(unit, now, limit) for unit, was, now, limit in lengths if was < NEAR * limit <= now]


def next_look(limits: Limits, *, created_at: datetime, now: datetime, standing: Standing = NEW) -> datetime | None:
    """When a session that becomes idle now wants attention next."""
    verdict = judge(limits, created_at=created_at, idle_since=now, notified_at=None, now=now, standing=standing)
    return verdict.until if isinstance(verdict, Keep) else now


def first_look(limits: Limits) -> float:
    """Seconds until a session that is created idle must look after its own end; 0: never."""
    look = next_look(limits, created_at=SOME_DAY, now=SOME_DAY)
    return 0.0 if look is None else max((look - SOME_DAY).total_seconds(), 1.0)


def said_of_age(*said: Mapping[str, Any] | None) -> float | None:
    """The maximum age that somebody names, in seconds; the widest first."""
    age: float | None = _merged(*said).get("max_age")
    return age


def end_by_age(created_at: datetime, max_age: float | None) -> datetime | None:
    """Of a session for which somebody has said something of its age; None: nobody has."""
    if max_age is None:
        return None
    return created_at + timedelta(seconds=max_age) if max_age > 0 else NEVER


def _merged(*said: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for each in said for name, value in (each or {}).items() if value is not None}


def _is_too_long(limits: Limits, standing: Standing) -> bool:
    return 0 < limits.max_messages <= standing.messages or 0 < limits.max_tokens <= standing.tokens
