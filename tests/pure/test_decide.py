import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.models import Task
from overnight.states import WaitReason
from overnight.store.turn import Pause
from worker.decide import GiveUp, RetryRules, Shrink, judge_failure, judge_message
from worker.failures import Failure, Remedy

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RULES = RetryRules(base=1.0, cap=300.0, after_cap=900.0, max_age=86_400.0)
ERROR = {"type": "overloaded_error", "message": "Overloaded"}
TEXT = [{"type": "text", "text": "Yes."}]
CALL = [{"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}]


def task(attempts: int = 0, retry_since: datetime | None = None) -> Task:
    return Task(
        id="task_1",
        workspace_id="w",
        session_id="sesn_1",
        seq=1,
        attempts=attempts,
        retry_since=retry_since,
        created_at=NOW,
        updated_at=NOW,
    )


def judged(failure: Failure, rules: RetryRules = RULES, seed: int = 1, **of_task: Any) -> Pause | Shrink | GiveUp:
    return judge_failure(failure, task(**of_task), NOW, rules, random.Random(seed))


def paused(failure: Failure, rules: RetryRules = RULES, seed: int = 1, **of_task: Any) -> Pause:
    pause = judged(failure, rules, seed, **of_task)
    assert isinstance(pause, Pause)
    return pause


seeds = st.integers(0, 2**32)
rules = st.builds(
    RetryRules,
    base=st.floats(0, 60),
    cap=st.floats(0, 3_600),
    after_cap=st.floats(0, 3_600),
    max_age=st.just(86_400.0),
)


@given(rules, seeds, st.integers(0, 10_000))
def test_a_retry_waits_between_nothing_and_its_bound(rules: RetryRules, seed: int, attempts: int) -> None:
    pause = paused(Failure(Remedy.RETRY, ERROR), rules, seed, attempts=attempts)
    assert 0 <= pause.delay <= min(rules.cap, rules.base * 2.0 ** min(attempts, 1_000))
    assert pause.reason is WaitReason.RETRY
    assert pause.error == ERROR


@pytest.mark.parametrize(("attempts", "bound"), [(0, 1.0), (1, 2.0), (4, 16.0), (8, 256.0), (9, 300.0), (5_000, 300.0)])
def test_jitter_is_full(attempts: int, bound: float) -> None:
    delays = [paused(Failure(Remedy.RETRY, ERROR), seed=seed, attempts=attempts).delay for seed in range(400)]
    assert min(delays) < 0.05 * bound
    assert 0.95 * bound < max(delays) <= bound
    assert 0.4 * bound < sum(delays) / len(delays) < 0.6 * bound


@given(rules, seeds, st.floats(0, 1e300), st.sampled_from([Remedy.RETRY, Remedy.WAIT]))
def test_retry_after_is_honoured_within_its_cap(
    rules: RetryRules, seed: int, retry_after: float, remedy: Remedy
) -> None:
    pause = paused(Failure(remedy, ERROR, retry_after), rules, seed)
    asked = min(retry_after, rules.after_cap)
    assert asked <= pause.delay <= asked + rules.base


def test_retry_after_an_hour_is_capped() -> None:
    assert 900 <= paused(Failure(Remedy.WAIT, ERROR, 3_600.0)).delay <= 901


def test_too_many_requests_is_said_to_be_so() -> None:
    assert paused(Failure(Remedy.WAIT, ERROR)).reason is WaitReason.RATE_LIMIT


def test_retries_end_at_their_greatest_age() -> None:
    failure = Failure(Remedy.RETRY, ERROR)
    since = NOW - timedelta(seconds=RULES.max_age)
    assert isinstance(judged(failure, attempts=41, retry_since=since), Pause)
    given_up = judged(failure, attempts=41, retry_since=since - timedelta(seconds=1))
    assert isinstance(given_up, GiveUp)
    assert given_up.error == {**ERROR, "message": "gave up after 42 tries in 86400 s: Overloaded"}
    assert ERROR["message"] == "Overloaded"


def test_what_no_retry_cures() -> None:
    assert judged(Failure(Remedy.FAIL, ERROR, 5.0)) == GiveUp(ERROR)
    assert judged(Failure(Remedy.SHRINK, ERROR, 5.0)) == Shrink(ERROR)


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "stop_sequence"])
def test_a_reply_to_keep(reason: str) -> None:
    assert judge_message({"stop_reason": reason, "content": TEXT}) is None


@pytest.mark.parametrize(
    ("message", "remedy", "kind"),
    [
        ({"stop_reason": None, "content": TEXT}, Remedy.RETRY, "truncated_stream"),
        ({"content": TEXT}, Remedy.RETRY, "truncated_stream"),
        ({"stop_reason": "model_context_window_exceeded", "content": TEXT}, Remedy.SHRINK, None),
        ({"stop_reason": "refusal", "content": []}, Remedy.FAIL, "refusal"),
        ({"stop_reason": "refusal", "content": TEXT}, Remedy.FAIL, "refusal"),
        ({"stop_reason": "end_turn", "content": []}, Remedy.FAIL, "empty_reply"),
        ({"stop_reason": "max_tokens", "content": []}, Remedy.FAIL, "empty_reply"),
        ({"stop_reason": "tool_use", "content": TEXT}, Remedy.FAIL, "unexpected_stop_reason"),
        ({"stop_reason": "end_turn", "content": CALL}, Remedy.FAIL, "unexpected_stop_reason"),
        ({"stop_reason": "max_tokens", "content": CALL}, Remedy.FAIL, "max_tokens"),
        ({"stop_reason": "compaction", "content": TEXT}, Remedy.FAIL, "unexpected_stop_reason"),
        ({"stop_reason": "a_reason_of_the_future", "content": TEXT}, Remedy.FAIL, "unexpected_stop_reason"),
    ],
)
def test_a_whole_message_that_is_no_reply(message: dict[str, Any], remedy: Remedy, kind: str | None) -> None:
    failure = judge_message(message)
    assert failure is not None
    assert failure.remedy is remedy
    assert failure.error["type"] == (kind or message["stop_reason"])
    assert failure.error["message"]


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "This asks for an exploit."}
    failure = judge_message({"stop_reason": "refusal", "content": [], "stop_details": details})
    assert failure is not None
    assert failure.error == {"type": "refusal", "message": "This asks for an exploit.", "category": "cyber"}
