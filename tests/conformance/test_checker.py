"""The checker complains: a suite whose checks accept anything would prove nothing."""

from typing import Any

import pytest
from anthropic.types.beta import BetaManagedAgentsSession
from anthropic.types.beta.sessions import BetaManagedAgentsSessionEvent

from tests.conformance.checker import additions, complaints

IDLE: dict[str, Any] = {
    "id": "sevt_1",
    "type": "session.status_idle",
    "processed_at": "2026-11-20T09:00:00Z",
    "stop_reason": {"type": "requires_action", "event_ids": ["sevt_2"]},
}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"type": "session.status_lost"}, "$: no member of the union has the type 'session.status_lost'"),
        ({"processed_at": "2026-11-20 09:00"}, "$.processed_at: '2026-11-20 09:00' is not a time with its zone"),
        ({"id": 1}, "$.id: 1 is not of type str"),
        ({"stop_reason": {"type": "tired"}}, "$.stop_reason: no member of the union has the type 'tired'"),
        ({"stop_reason": {"type": "requires_action", "event_ids": [1]}}, "$.stop_reason.event_ids[0]: 1 is not of"),
        ({"stop_reason": "end_turn"}, "$.stop_reason: 'end_turn' is not an object"),
        ({"stop_details": {"type": "refusal", "category": "mood"}}, "$.stop_details.category: 'mood' is none of"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], complaint: str) -> None:
    (found,) = complaints(BetaManagedAgentsSessionEvent, {**IDLE, **changes})
    assert found.startswith(complaint)


def test_what_is_right_is_accepted() -> None:
    assert complaints(BetaManagedAgentsSessionEvent, IDLE) == []
    assert complaints(BetaManagedAgentsSessionEvent, {**IDLE, "stop_details": None}) == []


def test_what_is_missing_is_named() -> None:
    missing = complaints(BetaManagedAgentsSession, {"id": "sesn_1", "type": "session"})
    assert "$.agent: is missing, and BetaManagedAgentsSession requires it" in missing
    assert "$.created_at: is missing, and BetaManagedAgentsSession requires it" in missing


def test_additions_are_named_however_deep() -> None:
    event = {**IDLE, "task_id": "task_1", "stop_reason": {"type": "end_turn", "mood": "fine"}}
    assert additions(BetaManagedAgentsSessionEvent, event) == {
        "BetaManagedAgentsSessionStatusIdleEvent.task_id",
        "BetaManagedAgentsSessionEndTurn.mood",
    }
