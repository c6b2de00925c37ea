"""What follows from an answer: decided purely, written elsewhere."""

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from overnight.models import Task
from overnight.states import WaitReason
from overnight.store.turn import Pause
from worker.failures import UNPARSABLE, Failure, Remedy

KEPT = {"end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn"}
CUT = "the reply was cut by max_tokens within a tool call, which cannot be carried out; raise max_tokens"
#: Tries of a reply that is no JSON: Claude may do better next time, and will not in a day.
FEW = 5


@dataclass(frozen=True, slots=True)
class RetryRules:
    """Seconds. `after_cap` bounds a `retry-after`; `max_age` counts from the first failure of the step."""

    base: float
    cap: float
    after_cap: float
    max_age: float


@dataclass(frozen=True, slots=True)
class Shrink:
    """The context is too long for the model."""

    error: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GiveUp:
    error: dict[str, Any]


def judge_message(message: dict[str, Any], *, compacts: bool = False) -> Failure | None:
    """None for a reply to keep; for one that came whole and is none, the failure it means.

    `compacts`: it was to be a summary in a block of its own.
    """
    reason = message.get("stop_reason")
    if reason == "refusal":
        return Failure(Remedy.FAIL, _refusal(message))
    if reason == "model_context_window_exceeded":
        return Failure(Remedy.SHRINK, {"type": reason, "message": "the conversation no longer fits the model's window"})
    if reason is None:
        return Failure(Remedy.RETRY, {"type": "truncated_stream", "message": "the reply has no stop reason"})
    if compacts:
        wrote = reason == "compaction" and bool(message["content"]) and bool(message["content"][0].get("content"))
        return None if wrote else Failure(Remedy.FAIL, {"type": "not_compacted", "message": f"no summary: '{reason}'"})
    if reason not in KEPT:
        return Failure(Remedy.FAIL, {"type": "unexpected_stop_reason", "message": f"Claude stopped for '{reason}'"})
    return _judge_content(message["content"], reason)


def _judge_content(content: list[dict[str, Any]], reason: str) -> Failure | None:
    calls = any(block["type"] == "tool_use" for block in content)
    if calls and reason == "max_tokens":
        return Failure(Remedy.FAIL, {"type": "max_tokens", "message": CUT})
    if calls != (reason == "tool_use"):
        said = f"Claude stopped for '{reason}' {'with' if calls else 'without'} a tool call"
        return Failure(Remedy.FAIL, {"type": "unexpected_stop_reason", "message": said})
    if not content:
        return Failure(Remedy.FAIL, {"type": "empty_reply", "message": "Claude answered with nothing"})
    return None


def judge_failure(
    failure: Failure, task: Task, now: datetime, rules: RetryRules, chance: random.Random
) -> Pause | Shrink | GiveUp:
    """Whether the task waits, is tried with less, or fails."""
    if failure.remedy is Remedy.FAIL:
        return GiveUp(failure.error)
    if failure.remedy is Remedy.SHRINK:
        return Shrink(failure.error)
    if failure.error["type"] == UNPARSABLE and task.attempts + 1 >= FEW:
        return GiveUp(failure.error)
    if task.retry_since is not None and (now - task.retry_since).total_seconds() > rules.max_age:
        tried = f"gave up after {task.attempts + 1} tries in {rules.max_age:.0f} s: {failure.error['message']}"
        return GiveUp({**failure.error, "message": tried})
    return Pause(WaitReason(failure.remedy), _delay(failure.retry_after, task.attempts, rules, chance), failure.error)


def _delay(retry_after: float | None, attempts: int, rules: RetryRules, chance: random.Random) -> float:
    if retry_after is not None:
        return min(retry_after, rules.after_cap) + chance.uniform(0, rules.base)
    return chance.uniform(0, min(rules.cap, rules.base * 2 ** min(attempts, 32)))


def _refusal(message: dict[str, Any]) -> dict[str, Any]:
    details = message.get("stop_details") or {}
    said = details.get("explanation") or "Claude declined to answer"
    return {"type": "refusal", "message": said, "category": details.get("category")}
