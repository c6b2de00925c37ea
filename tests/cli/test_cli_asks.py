"""What is asked for in words: one line for each call, and commands that can be copied."""

from pathlib import Path
from typing import Any

from overnight.cli import phrases
from overnight.cli.asks import Asks, Place, lines, wanted

Json = dict[str, Any]


def approval(call_id: str = "sevt_1", because: str = "permission", **given: Any) -> Json:
    return {"id": call_id, "type": "tool_confirmation", "name": "send", "input": given, "because": because}


def question(call_id: str = "sevt_2", **more: Any) -> Json:
    return {"id": call_id, "type": "custom_tool_result", "name": "ask_human", "input": {}, "question": "Why?", **more}


def task(*calls: Json) -> Json:
    return {"id": "task_1", "pending": list(calls)}


def test_each_call_is_told_once() -> None:
    asks = Asks()
    assert len(asks.new(task(approval()))) == 3
    assert asks.new(task(approval())) == []
    assert asks.new(task(approval(), question())) == ["a question: Why?", "    overnight answer task_1 TEXT"]


def test_a_call_that_is_asked_for_again_is_told_again() -> None:
    asks = Asks()
    asks.new(task(approval()))
    asks.new(task())
    told = asks.new(task(approval(because="crash")))
    assert told[0] == "to be allowed or denied: send {} (its worker died while it ran; to allow it runs it again)"


def test_the_call_is_named_where_there_are_several_of_its_kind() -> None:
    both = task(approval(), approval("sevt_3"), question())
    assert lines(both, both["pending"][1], Place())[1] == "    overnight approve task_1 sevt_3"
    assert lines(both, both["pending"][2], Place())[1] == "    overnight answer task_1 TEXT"


def test_commands_find_the_same_server() -> None:
    place = Place(Path("my data"), "http://127.0.0.1:1")
    told = lines(task(question()), question(), place)[1]
    assert told == "    overnight answer --data-dir 'my data' --url http://127.0.0.1:1 task_1 TEXT"


def test_what_claude_says_is_shortened_and_steers_nothing() -> None:
    assert "\x1b" not in wanted(approval(to="\x1b[2J"))
    assert "\x9b" not in wanted(question(question="\x9b2J", choices=["\x9b"]))
    assert len(wanted(approval(text="x" * 10_000))) < 400


def test_progress_in_words() -> None:
    assert phrases.progress({"progress": {"note": "half", "fraction": 0.5}}) == "50 % · half"
    assert phrases.progress({"progress": {"note": "begun", "fraction": 0.0}}) == "0 % · begun"
    assert phrases.progress({"progress": {"note": "on", "fraction": None}}) == "on"
    assert phrases.progress({"progress": None}) == ""


def test_a_deadline_is_not_when_it_goes_on() -> None:
    late = {
        "status": "waiting",
        "wait_reason": "approval",
        "attempts": 0,
        "error": None,
        "deadline": "2026-11-20T12:00Z",
    }
    assert phrases.state({**late, "due_at": late["deadline"]}) == "waiting: approval"
