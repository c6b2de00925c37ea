"""The governor's decisions, on a clock of their own."""

from collections import Counter

import pytest

from tests.pure.governed_world import World
from worker.governor import headers
from worker.governor.asking import Wish
from worker.governor.families import family_of
from worker.governor.gate import OPEN
from worker.governor.pool import Pool


def world(sessions: int = 300, **limits: int) -> World:
    made = World(dict(limits))
    for number in range(sessions):
        made.come(f"s{number}")
    return made


def share(turns: World, allowed: float) -> float:
    return len(turns.served) / allowed


def test_three_hundred_sessions_at_sixty_a_minute() -> None:
    turns = world(rpm=60)
    turns.run(600)
    assert share(turns, 60 + 600) >= 0.9
    assert turns.refused < 0.02 * len(turns.served)


@pytest.mark.parametrize("limit", [{"itpm": 12_000}, {"otpm": 6_000}])
def test_tokens_are_kept_as_requests_are(limit: dict[str, int]) -> None:
    """Each allows 120 requests a minute."""
    turns = world(rpm=10_000, **limit)
    turns.run(600)
    assert share(turns, 120 + 1_200) >= 0.9
    assert turns.refused < 0.02 * len(turns.served)


def test_limits_that_are_halved_in_between() -> None:
    turns = world(rpm=600)
    turns.run(120)
    before = len(turns.served)
    assert before >= 0.9 * (600 + 1_200)
    turns.claude.change({"rpm": 300})
    turns.run(300)
    assert len(turns.served) - before >= 0.9 * 1_500
    assert turns.refused < 0.02 * len(turns.served)


def test_a_storm_is_probed_and_then_ridden_out() -> None:
    turns = world(rpm=600)
    turns.run(60)
    turns.storm_until = turns.now + 60
    turns.run(60)
    assert turns.overloaded < 25, "each of those under way when it began, then one probe at a time"
    before = len(turns.served)
    turns.run(120)
    assert len(turns.served) - before >= 0.9 * (1_200 - 10 * 30), "a probe comes every 30 s at the latest"
    assert turns.refused < 0.02 * len(turns.served)


def test_each_tenant_gets_its_share_however_many_it_sends() -> None:
    turns = World({"rpm": 60})
    for number in range(100):
        turns.come(f"big{number}", "big")
    turns.run(90)
    for number in range(10):
        turns.come(f"small{number}", "small")
    turns.served.clear()
    turns.run(120)
    whose = Counter(session_id.rstrip("0123456789") for _, session_id in turns.served)
    assert whose["small"] >= 0.4 * whose.total()
    assert whose["big"] >= 0.4 * whose.total()


def test_background_work_waits_for_interactive_work() -> None:
    turns = World({"rpm": 60})
    for number in range(100):
        turns.come(f"slow{number}", is_background=True)
    turns.run(90)
    for number in range(80):
        turns.come(f"quick{number}", "other")
    turns.served.clear()
    turns.run(60)
    whose = Counter(session_id.rstrip("0123456789") for _, session_id in turns.served)
    assert whose["quick"] >= 0.9 * whose.total()


def test_a_place_lapses_when_its_session_does_not_come() -> None:
    turns = world(sessions=70, rpm=60)
    turns.run(30)
    for session_id in list(turns.wishes):
        turns.wishes[session_id] = Wish(session_id, "t", False, (1.0, 1.0, 1.0))
    waiting = len(turns.pool.line.places)
    turns._events.clear()  # every worker died
    turns.now += 200
    turns.pool.reserve(turns.now, Wish("new", "t", False, (1.0, 1.0, 1.0)))
    assert (waiting > 0, len(turns.pool.line.places)) == (True, 0)


def test_failures_of_one_burst_close_the_gate_once() -> None:
    pool = Pool(0.0)
    for number in range(20):
        pool.close(10.0 + number / 100, f"s{number}", 9.9, None, headers.NOTHING, is_overload=True)
    assert (pool.gate.strikes, pool.gate.closed_until) == (1, 11.0)


def test_the_pause_grows_with_every_probe_that_fails() -> None:
    pool, now, pauses = Pool(0.0), 100.0, []
    for _ in range(8):
        pool.close(now, "probe", now, None, headers.NOTHING, is_overload=True)
        pauses.append(pool.gate.closed_until - now)
        now = pool.gate.closed_until + 1
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_gate_opens_for_one_and_then_for_more() -> None:
    pool, wish = Pool(0.0), Wish("a", "t", False, (1.0, 1.0, 1.0))
    pool.close(10.0, "x", 9.0, 5.0, headers.NOTHING, is_overload=True)
    assert pool.reserve(14.0, wish).delay is not None
    assert pool.reserve(16.0, wish).delay is None
    assert pool.reserve(16.0, Wish("b", "t", False, (1.0, 1.0, 1.0))).delay is not None
    for _ in range(6):
        pool.admit(17.0, "a", headers.NOTHING)
    assert (pool.gate.window, pool.gate.strikes) == (0, 0)
    assert OPEN == 2**6


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-sonnet-5-5", "sonnet"),
        ("claude-3-5-haiku-20241022", "haiku"),
        ("us.anthropic.claude-opus-4-1-v1:0", "opus"),
        ("claude-mythos-1", "mythos"),
        ("somebody-elses", "somebody-elses"),
    ],
)
def test_families(model: str, family: str) -> None:
    assert family_of(model) == family


def test_headers() -> None:
    said = {
        "anthropic-ratelimit-requests-limit": "5",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-input-tokens-limit": "200000",
        "anthropic-ratelimit-input-tokens-remaining": "lots",
    }
    assert headers.read(said) == headers.Seen((5.0, 200_000.0, None), (0.0, None, None))
