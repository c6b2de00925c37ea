from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.expiry import NEVER, Expire, Keep, Limits, Near, Notify, Standing, judge, nears, next_look
from overnight.states import ArchiveReason, OnExpiry

BORN = datetime(2026, 11, 20, tzinfo=UTC)
IDLE, MAX_AGE = ArchiveReason.IDLE, ArchiveReason.MAX_AGE


def at(seconds: float) -> datetime:
    return BORN + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("limits", "idle_since", "notified_at", "now", "verdict"),
    [
        (Limits(0, 0, 10), 0, None, 1e9, Keep(None)),
        (Limits(100, 0, 10), 50, None, 60, Keep(at(140))),
        (Limits(100, 0, 10), 50, None, 140, Notify(IDLE, at(150))),
        (Limits(100, 0, 10), 50, 140, 141, Keep(at(150))),
        (Limits(100, 0, 10), 50, 140, 150, Expire(IDLE)),
        (Limits(100, 0, 10), 50, None, 150, Expire(IDLE)),
        (Limits(100, 0, 0), 50, None, 149, Keep(at(150))),
        (Limits(0, 100, 10), 50, None, 60, Keep(at(90))),
        (Limits(0, 100, 10), 50, None, 99.9, Notify(MAX_AGE, at(100))),
        (Limits(0, 100, 10), 50, None, 100, Expire(MAX_AGE)),
        (Limits(100, 120, 10), 50, None, 115, Notify(MAX_AGE, at(120))),
        (Limits(100, 200, 10), 50, None, 145, Notify(IDLE, at(150))),
        (Limits(5, 0, 3600), 0, None, 0, Notify(IDLE, at(5))),
    ],
    ids=[
        "no limits: kept for ever",
        "kept until the notice is due",
        "the notice is due",
        "notified: kept until the end",
        "notified, and the end has come",
        "the end has come before anybody could say so",
        "without a notice: kept until the end",
        "age: kept until the notice is due",
        "age: the notice is due",
        "age: the end has come",
        "the nearer end counts: age",
        "the nearer end counts: idleness",
        "a notice longer than the time to live comes at once",
    ],
)
def test_verdicts(
    limits: Limits, idle_since: float, notified_at: float | None, now: float, verdict: Keep | Notify | Expire
) -> None:
    notified = None if notified_at is None else at(notified_at)
    assert judge(limits, created_at=BORN, idle_since=at(idle_since), notified_at=notified, now=at(now)) == verdict


@pytest.mark.parametrize(
    ("limits", "now", "look"),
    [
        (Limits(0, 0, 10), 60, None),
        (Limits(100, 0, 10), 60, at(150)),
        (Limits(0, 100, 10), 60, at(90)),
        (Limits(0, 100, 10), 95, at(95)),
        (Limits(0, 100, 10), 170, at(170)),
    ],
    ids=["never", "at the notice", "at the notice of its age", "at once: notice due", "at once: already too old"],
)
def test_when_a_session_that_becomes_idle_is_looked_at(limits: Limits, now: float, look: datetime | None) -> None:
    assert next_look(limits, created_at=BORN, now=at(now)) == look


seconds = st.floats(min_value=0, max_value=1e7)
limits = st.builds(Limits, idle_ttl=st.just(0.0) | seconds, max_age=st.just(0.0) | seconds, notice=seconds)


@given(limits=limits, idle_after=seconds, lateness=st.lists(st.just(0.0) | seconds, min_size=4, max_size=4))
def test_a_session_is_never_expired_early_and_warned_once(
    limits: Limits, idle_after: float, lateness: list[float]
) -> None:
    """Lives a session's end through, each look as late as the sweep may be."""
    idle_since = at(idle_after)
    ends = [at(limits.max_age)] if limits.max_age else []
    ends += [idle_since + timedelta(seconds=limits.idle_ttl)] if limits.idle_ttl else []
    look, notified_at, warnings = next_look(limits, created_at=BORN, now=idle_since), None, 0
    assert (look is None) == (not ends)
    for late in lateness:
        if look is None:
            return
        now = look + timedelta(seconds=late)
        match judge(limits, created_at=BORN, idle_since=idle_since, notified_at=notified_at, now=now):
            case Keep(until):
                look = until
                assert until is not None
                assert now < until <= min(ends)
            case Notify(_, expires_at):
                notified_at, look, warnings = now, expires_at, warnings + 1
                assert now < expires_at == min(ends)
            case Expire():
                assert now >= min(ends)
                break
    else:
        raise AssertionError("four looks are more than any session needs")
    assert warnings <= 1


def test_the_narrowest_that_says_something_counts() -> None:
    wide = Limits(100, 200, 10)
    assert wide.narrowed(None, {}, None) is wide
    narrow = wide.narrowed({"idle_ttl": 5, "max_messages": 7}, {"idle_ttl": 900}, {"on_expiry": "delete"})
    assert (narrow.idle_ttl, narrow.max_age, narrow.max_messages, narrow.on_expiry) == (900, 200, 7, OnExpiry.DELETE)


@pytest.mark.parametrize(
    ("standing", "verdict"),
    [
        (Standing(messages=9), Keep(at(1_000))),
        (Standing(messages=10), Expire(ArchiveReason.TOO_LONG)),
        (Standing(tokens=50), Expire(ArchiveReason.TOO_LONG)),
        (Standing(messages=10, kept_until=at(500)), Keep(at(500))),
        (Standing(ends_at=at(60)), Expire(MAX_AGE)),
        (Standing(ends_at=at(60), kept_until=at(80)), Keep(at(80))),
        (Standing(ends_at=NEVER), Keep(at(1_000))),
    ],
)
def test_length_and_what_is_said_of_the_end(standing: Standing, verdict: object) -> None:
    limits = Limits(1_000, 0, 0, max_messages=10, max_tokens=50)
    assert judge(limits, created_at=BORN, idle_since=BORN, notified_at=None, now=at(70), standing=standing) == verdict


@pytest.mark.parametrize(
    ("before", "after", "near"),
    [
        ((8, 0), (9, 0), [Near("messages", 9, 10)]),
        ((8, 0), (12, 0), [Near("messages", 12, 10)]),
        ((6, 0), (8, 89), []),
        ((9, 90), (10, 100), []),
        ((8, 89), (10, 90), [Near("messages", 10, 10), Near("tokens", 90, 100)]),
    ],
    ids=["reached", "passed with the limit", "not yet", "told before", "both"],
)
def test_a_length_is_near_its_limit_once(before: tuple[int, int], after: tuple[int, int], near: list[Near]) -> None:
    limits = Limits(0, 0, 0, max_messages=10, max_tokens=100)
    assert nears(limits, Standing(*before), Standing(*after)) == near
    assert nears(Limits(1, 1, 1), Standing(*before), Standing(*after)) == []
