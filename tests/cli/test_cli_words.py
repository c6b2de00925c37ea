"""What a person reads: Claude's words put together, states and sums in a few words, nothing that steers a terminal."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.cli import phrases
from overnight.cli.exits import CliError, Code, code_of
from overnight.cli.output import harmless, money
from overnight.cli.partitions import queues_of
from overnight.cli.words import CUT_OFF, Words
from overnight.routing import SWEEP_QUEUE, queue_names
from overnight.states import FINAL, TaskStatus

Event = dict[str, Any]


def start(event_id: str = "sevt_1") -> Event:
    return {"type": "event_start", "event": {"type": "agent.message", "id": event_id}}


def delta(text: str, event_id: str = "sevt_1") -> Event:
    content = {"type": "text", "text": text}
    return {"type": "event_delta", "event_id": event_id, "delta": {"type": "content_delta", "content": content}}


def message(text: str, event_id: str = "sevt_1", task_id: str = "task_1") -> Event:
    content = [{"type": "text", "text": text}]
    return {"type": "agent.message", "id": event_id, "task_id": task_id, "content": content}


def shown(*events: Event, is_running: bool = True) -> str:
    words = Words("task_1")
    return "".join(words.take(event, is_running=is_running) for event in events)


@given(pieces=st.lists(st.text(min_size=1)), lost=st.integers(min_value=0))
def test_each_word_is_shown_once_whatever_the_stream_lost(pieces: list[str], lost: int) -> None:
    heard = [delta(piece) for piece in pieces][: len(pieces) - min(lost, len(pieces))]
    whole = "".join(pieces)
    assert shown(start(), *heard, message(whole)) == whole


@given(pieces=st.lists(st.text(min_size=1)), lost=st.integers(min_value=0))
def test_a_stream_that_ends_too_early_is_made_up_for(pieces: list[str], lost: int) -> None:
    words = Words("task_1")
    heard = [start(), *(delta(piece) for piece in pieces)][: len(pieces) + 1 - min(lost, len(pieces) + 1)]
    seen = "".join(words.take(event, is_running=True) for event in heard)
    assert seen + words.finish("".join(pieces)) == "".join(pieces)


def test_nothing_is_made_up_for_what_was_shown() -> None:
    words = Words("task_1")
    assert words.take(message("Hello"), is_running=True) == "Hello"
    assert words.finish("Hello") == ""


def test_deltas_are_shown_as_they_come() -> None:
    assert shown(start(), delta("Hel"), delta("lo")) == "Hello"


def test_what_has_no_beginning_waits_for_the_whole() -> None:
    assert shown(delta("lo")) == ""
    assert shown(delta("lo"), message("Hello")) == "Hello"


def test_a_reply_that_was_cut_off_is_told_from_the_next() -> None:
    assert shown(start(), delta("Hal"), start("sevt_2"), delta("Hello", "sevt_2")) == f"Hal{CUT_OFF}Hello"


def test_the_answer_to_an_earlier_task_is_not_shown() -> None:
    words = Words("task_1")
    for event in (start("sevt_0"), delta("Other", "sevt_0"), message("Other", "sevt_0", "task_0")):
        assert words.take(event, is_running=False) == ""
    assert words.take(start(), is_running=False) == ""
    assert words.take(delta("Mi"), is_running=False) == ""
    assert words.take(delta("ne"), is_running=True) == "Mine"


def test_two_messages_of_one_task_are_both_shown() -> None:
    assert shown(message("One."), message("Two.", "sevt_2")) == "One.Two."


@given(st.text())
def test_no_text_steers_a_terminal(text: str) -> None:
    assert not any(ord(character) < 32 and character not in "\n\t" for character in harmless(text))
    assert "\x1b" not in harmless(text)
    assert "\x9b" not in harmless(text)


def task(status: str, **more: Any) -> Event:
    blank = {"wait_reason": None, "due_at": None, "attempts": 0, "error": None}
    return {"status": status, **blank, **more}


def test_states_in_words() -> None:
    assert phrases.state(task("queued", queue_position=2)) == "queued · 2 ahead"
    assert phrases.state(task("queued", queue_position=0)) == "queued"
    assert phrases.state(task("running")) == "running"
    error = {"type": "overloaded_error", "message": "Overloaded"}
    retry = task("waiting", wait_reason="retry", due_at="2026-11-20T12:01:00Z", attempts=2, error=error)
    assert phrases.state(retry).startswith("waiting: retry, attempt 3, again at ")
    assert phrases.state(retry).endswith("(overloaded_error: Overloaded)")
    assert phrases.state(task("waiting", wait_reason="approval")) == "waiting: approval"


def test_sums_in_words() -> None:
    usage = {"input_tokens": 1_000, "output_tokens": 5, "cache_read_input_tokens": 234}
    assert phrases.tokens(usage) == "1,234 tokens in (234 cached), 5 out"
    assert money(0.0123) == "$0.0123"
    assert money(None) == "price unknown"
    assert [phrases.duration(seconds) for seconds in (5.9, 61, 3_700)] == ["5 s", "1 min 01 s", "1 h 01 min"]


def test_every_end_has_its_code() -> None:
    assert {code_of(status) for status in FINAL} == {Code.DONE, Code.FAILED, Code.CANCELLED}
    assert {code_of(status) for status in set(TaskStatus) - FINAL} == {Code.UNFINISHED}


def test_partitions_by_range() -> None:
    names = queue_names()
    assert queues_of("0-2, 20") == [names[0], names[1], names[2], names[20], SWEEP_QUEUE]
    assert queues_of("3,3-3") == [names[3], SWEEP_QUEUE]


@pytest.mark.parametrize("wrong", ["", "x", "-1", "3-1", "0-64", "64", "1,,2"])
def test_partitions_that_are_none(wrong: str) -> None:
    with pytest.raises(CliError, match="0 to 63"):
        queues_of(wrong)
