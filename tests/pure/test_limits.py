"""Which limit of a task ends it, and how it is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from overnight.models import Task
from worker.limits import exceeded

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AGENTS = 10  # max_steps


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, None),
        ({"steps": AGENTS - 1}, None),
        ({"steps": AGENTS}, "max_steps_exceeded"),
        ({"steps": AGENTS, "max_steps": AGENTS + 1}, None),
        ({"steps": 3, "max_steps": 3}, "max_steps_exceeded"),
        ({"steps": AGENTS, "open_calls": 2}, None),  # their results still enter the ledger
        ({"deadline": NOW + timedelta(seconds=1)}, None),
        ({"deadline": NOW}, "deadline_exceeded"),
        ({"deadline": NOW, "open_calls": 2}, "deadline_exceeded"),
        ({"deadline": NOW, "steps": AGENTS}, "deadline_exceeded"),
    ],
)
def test_limits(given: dict[str, Any], error: str | None) -> None:
    task = Task(**{"steps": 0, "max_steps": None, "deadline": None, "open_calls": 0, **given})
    found = exceeded(task, AGENTS, NOW)
    assert (found and found["type"]) == error
    assert found is None or "retry it with a" in found["message"]
