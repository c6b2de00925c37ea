"""wait, report_progress and ask_human: what Claude may give, and what it means."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from overnight.tools.errors import BadInput
from overnight.tools.own import DEFINITIONS, LONGEST_WAIT, Progress, Question, read_progress, read_question, read_wait

NOW = datetime(2030, 1, 31, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "due"),
    [
        ({"seconds": 90}, NOW + timedelta(seconds=90)),
        ({"seconds": 0.5}, NOW + timedelta(seconds=0.5)),
        ({"seconds": 3 * 86_400}, NOW + timedelta(days=3)),
        ({"until": "2030-02-03T09:00:00Z"}, NOW + timedelta(days=3)),
        ({"until": "2030-02-03T10:00:00+01:00"}, NOW + timedelta(days=3)),
        ({"until": "2030-02-03T10:00+01:00", "seconds": None}, NOW + timedelta(days=3)),
        ({"seconds": LONGEST_WAIT.total_seconds()}, NOW + LONGEST_WAIT),
    ],
)
def test_a_wait_has_an_end(given: dict[str, Any], due: datetime) -> None:
    assert read_wait(given, NOW) == due


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "seconds, until: give exactly one"),
        ({"seconds": 1, "until": "2030-02-03T09:00:00Z"}, "give exactly one"),
        ({"seconds": 0}, "seconds: must be a number above 0"),
        ({"seconds": -1}, "seconds: must be"),
        ({"seconds": True}, "seconds: must be"),
        ({"seconds": "60"}, "seconds: must be"),
        ({"seconds": float("nan")}, "seconds: must be"),
        ({"seconds": float("inf")}, "seconds: must be"),
        ({"seconds": 1e300}, "seconds: at most 366 days"),
        ({"seconds": 10**400}, "seconds: "),
        ({"until": "tomorrow"}, "until: must be a time in ISO 8601"),
        ({"until": 5}, "until: must be a time"),
        ({"until": "2030-02-03T09:00:00"}, "until: .* has no time zone"),
        ({"until": "2030-01-31T09:00:00Z"}, "until: .* is past"),
        ({"until": "2029-01-31T09:00:00Z"}, "until: .* is past"),
        ({"until": "2031-02-28T09:00:00Z"}, "until: at most 366 days"),
        ({"until": "9999-12-31T23:59:59-23:00"}, "until: "),
        ({"seconds": 1, "minutes": 2}, "minutes: unknown; there are only seconds and until"),
    ],
)
def test_a_wait_that_is_none_is_explained(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        read_wait(given, NOW)


def test_progress() -> None:
    assert read_progress({"note": " half "}) == Progress("half", None)
    assert read_progress({"note": "half", "fraction": 0.5}) == Progress("half", 0.5)
    assert read_progress({"note": "all", "fraction": 1}) == Progress("all", 1.0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "note: must be a text"),
        ({"note": " "}, "note: must be a text"),
        ({"note": 5}, "note: must be a text"),
        ({"note": "x", "fraction": 1.5}, "fraction: must be a number from 0 to 1"),
        ({"note": "x", "fraction": "0.5"}, "fraction: "),
        ({"note": "x", "percent": 5}, "percent: unknown"),
    ],
)
def test_progress_that_is_none_is_explained(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        read_progress(given)


def test_questions() -> None:
    assert read_question({"question": "Which?"}) == Question("Which?", ())
    assert read_question({"question": "Which?", "choices": ["a", "b"]}) == Question("Which?", ("a", "b"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "question: must be a text"),
        ({"question": ""}, "question: must be a text"),
        ({"question": "Which?", "choices": "ab"}, "choices: must be a list"),
        ({"question": "Which?", "choices": ["a", ""]}, "choices: must be a list"),
        ({"question": "Which?", "choices": ["a", "a"]}, "choices: .* each of them once"),
        ({"question": "Which?", "choices": [str(n) for n in range(21)]}, "choices: at most 20"),
    ],
)
def test_a_question_that_is_none_is_explained(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        read_question(given)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(["seconds", "until", "note", "fraction", "question", "choices", "x"])


@for_all(st.dictionaries(FIELDS, JSON, max_size=3))
def test_any_input_is_read_or_explained(given: dict[str, Any]) -> None:
    with suppress(BadInput):
        assert NOW <= read_wait(given, NOW) <= NOW + LONGEST_WAIT
    with suppress(BadInput):
        assert read_progress(given).note
    with suppress(BadInput):
        assert read_question(given).question


def test_definitions_are_as_the_api_takes_them() -> None:
    assert list(DEFINITIONS) == ["wait", "report_progress", "ask_human"]
    for name, definition in DEFINITIONS.items():
        assert definition["name"] == name
        assert definition["input_schema"]["type"] == "object"
        assert set(definition["input_schema"]["required"]) <= set(definition["input_schema"]["properties"])
