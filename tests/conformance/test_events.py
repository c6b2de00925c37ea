"""The record of each kind of session: every event's fields, and what follows what."""

from typing import Any

import pytest

from tests.conformance import ours
from tests.conformance.scenes import (
    FILES,
    LOOK_UP,
    SEARCH,
    WRITE,
    Scenes,
    call,
    conform,
    of_type,
    raw,
    reasons,
    says,
    script,
    text,
    types,
)
from tests.process.cluster import until

ANSWERED = ["user.message", "session.status_running", "span.model_request_start"]


def wire(events: list[dict[str, Any]]) -> list[str]:
    """The types, without those that Overnight adds."""
    return [kind for kind in types(events) if kind not in ours.OWN_EVENTS]


def test_a_turn_of_text(scenes: Scenes) -> None:
    session = scenes.begin(says("[[sim reply=Hi.]] Hello."))
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    assert wire(record) == [
        *ANSWERED,
        "agent.message",
        "span.model_request_end",
        "session.usage",
        "session.status_idle",
    ]
    start, message, end = (of_type(record, kind)[0] for kind in ("span.model_request_start", *wire(record)[3:5]))
    assert message["content"] == [{"type": "text", "text": "Hi."}]
    assert (end["model_request_start_id"], end["is_error"]) == (start["id"], False)
    assert end["model_usage"]["output_tokens"] > 0
    assert all(event["processed_at"] for event in record)


def test_thinking(scenes: Scenes) -> None:
    record = scenes.idle(scenes.begin(says("[[sim thinking]] Hello.")).id, "end_turn")
    conform(record)
    assert wire(record)[3:5] == ["agent.thinking", "agent.message"]


def test_a_message_waits_unprocessed_while_another_turn_runs(scenes: Scenes) -> None:
    session = scenes.begin(says("[[sim hang]] First."))
    until(lambda: of_type(scenes.record(session.id), "span.model_request_start"), "the request")
    sent = raw(scenes.beta.sessions.events.with_raw_response.send(session.id, events=[says("Second."), says("Third.")]))
    conform(sent["data"])
    assert [event["processed_at"] for event in sent["data"]] == [None, None]
    first, second, third = of_type(scenes.record(session.id), "user.message")
    assert first["processed_at"] is not None
    assert (second["processed_at"], third["processed_at"]) == (None, None)
    assert [second["id"], third["id"]] == [event["id"] for event in sent["data"]]
    scenes.send(session.id, {"type": "user.interrupt"})
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    taken = [event["processed_at"] for event in of_type(record, "user.message")]
    assert None not in taken
    assert taken == sorted(taken)
    assert reasons(record) == ["end_turn"]
    said = [event["content"][0]["text"] for event in of_type(record, "agent.message")]
    assert ['"Second."' in said[0], '"Third."' in said[1], len(said)] == [True, True, 2]


def test_a_system_message(scenes: Scenes) -> None:
    session = scenes.begin()
    system: Any = {"type": "system.message", "content": [text("Be brief.")]}
    sent = raw(scenes.beta.sessions.events.with_raw_response.send(session.id, events=[says("Hello."), system]))["data"]
    conform(sent)
    assert types(sent) == ["user.message", "system.message"]
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    assert [event["id"] for event in record[:2]] == [event["id"] for event in sent]
    assert of_type(record, "system.message")[0]["processed_at"] is not None


def test_an_interrupt_alone(scenes: Scenes) -> None:
    session = scenes.begin(says("[[sim hang]] First."))
    until(lambda: of_type(scenes.record(session.id), "span.model_request_start"), "the request")
    (echo,) = raw(scenes.beta.sessions.events.with_raw_response.send(session.id, events=[{"type": "user.interrupt"}]))[
        "data"
    ]
    record = scenes.idle(session.id, "end_turn")
    conform([echo, *of_type(record, "agent.message")])
    conform(record)
    assert wire(record)[-3:] == ["span.model_request_end", "session.usage", "session.status_idle"]
    assert of_type(record, "span.model_request_end")[0]["is_error"] is True
    assert of_type(record, "user.interrupt")[0]["id"] == echo["id"]


def test_custom_tools_and_confirmations_are_answered_one_by_one(scenes: Scenes) -> None:
    calls = [text("Looking."), call("look_up", q="x"), call("write", **WRITE), call("glob", pattern="*")]
    agent = scenes.agent(LOOK_UP, FILES)
    session = scenes.begin(script(calls, [text("Done.")]), agent=agent)
    asked = scenes.idle(session.id, "requires_action")
    conform(asked)
    (custom,) = of_type(asked, "agent.custom_tool_use")
    write, glob = of_type(asked, "agent.tool_use")
    assert (custom["name"], custom["input"]) == ("look_up", {"q": "x"})
    assert (write["name"], write["input"], write["evaluated_permission"]) == ("write", WRITE, "ask")
    assert (glob["name"], glob["evaluated_permission"]) == ("glob", "allow")
    assert of_type(asked, "session.status_idle")[-1]["stop_reason"]["event_ids"] == [custom["id"], write["id"]]
    assert scenes.beta.sessions.retrieve(session.id).status == "idle"

    found: Any = {"type": "user.custom_tool_result", "custom_tool_use_id": custom["id"], "content": [text("found")]}
    conform(raw(scenes.beta.sessions.events.with_raw_response.send(session.id, events=[found]))["data"])
    rest = scenes.idle(session.id, "requires_action", 2)
    assert of_type(rest, "session.status_idle")[-1]["stop_reason"]["event_ids"] == [write["id"]]
    allowed: Any = {"type": "user.tool_confirmation", "tool_use_id": write["id"], "result": "allow"}
    conform(raw(scenes.beta.sessions.events.with_raw_response.send(session.id, events=[allowed]))["data"])
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    results = {event["tool_use_id"]: event for event in of_type(record, "agent.tool_result")}
    assert set(results) == {write["id"], glob["id"]}
    assert not any(result["is_error"] for result in results.values())
    assert of_type(record, "user.custom_tool_result")[0]["custom_tool_use_id"] == custom["id"]
    assert of_type(record, "user.custom_tool_result")[0]["processed_at"] is not None
    assert of_type(record, "agent.message")[-1]["content"] == [text("Done.")]


def test_a_denial(scenes: Scenes) -> None:
    session = scenes.begin(script([call("write", **WRITE)], [text("I see.")]), agent=scenes.agent(FILES))
    (write,) = of_type(scenes.idle(session.id, "requires_action"), "agent.tool_use")
    denied: Any = {
        "type": "user.tool_confirmation",
        "tool_use_id": write["id"],
        "result": "deny",
        "deny_message": "No.",
    }
    scenes.send(session.id, denied)
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    (result,) = of_type(record, "agent.tool_result")
    assert (result["tool_use_id"], result["is_error"]) == (write["id"], True)
    assert "No." in result["content"][0]["text"]


def test_an_mcp_tool(scenes: Scenes, mcp_url: str) -> None:
    allowed: Any = {"permission_policy": {"type": "always_allow"}}
    toolset: Any = {"type": "mcp_toolset", "mcp_server_name": "tiny", "default_config": allowed}
    agent = scenes.agent(toolset, mcp_servers=[{"type": "url", "name": "tiny", "url": mcp_url}])
    session = scenes.begin(script([call("tiny__add", a=1, b=2)], [text("Three.")]), agent=agent)
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    (use,), (result,) = of_type(record, "agent.mcp_tool_use"), of_type(record, "agent.mcp_tool_result")
    assert (use["mcp_server_name"], use["name"], use["input"]) == ("tiny", "add", {"a": 1, "b": 2})
    assert (result["mcp_tool_use_id"], result["is_error"]) == (use["id"], False)
    assert "3" in result["content"][0]["text"]


def test_a_tool_of_claudes_api(scenes: Scenes) -> None:
    session = scenes.begin(says("[[sim server_tool=web_search]] Search."), agent=scenes.agent(SEARCH))
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    assert of_type(record, "agent.message")


def test_a_retry_is_told(scenes: Scenes) -> None:
    session = scenes.begin(says("[[sim status=529 times=1]] Hello."))
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    assert wire(record)[3:8] == [
        "session.error",
        "span.model_request_end",
        "session.status_rescheduled",
        "session.status_running",
        "span.model_request_start",
    ]
    (error,) = (event["error"] for event in of_type(record, "session.error"))
    assert (error["type"], error["retry_status"]) == ("model_overloaded_error", {"type": "retrying"})
    assert [end["is_error"] for end in of_type(record, "span.model_request_end")] == [True, False]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "model_rate_limited_error"), (529, "model_overloaded_error"), (500, "model_request_failed_error")],
)
def test_retries_come_to_an_end(scenes: Scenes, status: int, kind: str) -> None:
    agent = scenes.agent(extra_body={"limits": {"max_retry_age": 0}})
    session = scenes.begin(says(f"[[sim status={status} retry_after=0]] Hello."), agent=agent)
    record = scenes.idle(session.id, "retries_exhausted")
    conform(record)
    error = of_type(record, "session.error")[-1]["error"]
    assert (error["type"], error["retry_status"]) == (kind, {"type": "exhausted"})
    assert scenes.beta.sessions.retrieve(session.id).status == "idle"


def test_what_no_retry_cures(scenes: Scenes) -> None:
    record = scenes.idle(scenes.begin(says("[[sim status=400]] Hello.")).id, "retries_exhausted")
    conform(record)
    (error,) = (event["error"] for event in of_type(record, "session.error"))
    assert (error["type"], error["retry_status"]) == ("model_request_failed_error", {"type": "exhausted"})
    assert "Invalid request" in error["message"]


def test_a_refusal_says_why(scenes: Scenes) -> None:
    record = scenes.idle(scenes.begin(says("[[sim refusal]] Hello.")).id, "refusal")
    conform(record)
    details = of_type(record, "session.status_idle")[-1]["stop_details"]
    assert (details["type"], details["category"]) == ("refusal", "general_harms")
    assert details["explanation"]


LONG = "All of it, please. " * 4_000  # some 20,000 tokens, which cost cents


def test_a_budget(scenes: Scenes) -> None:
    budget: Any = {"type": "limit", "max_list_cost": {"amount": "5", "currency": "USD"}}
    session = scenes.begin(says(LONG), says(LONG), budget=budget)
    record = scenes.idle(session.id, "budget_reached")
    conform(record)
    used = of_type(record, "session.usage")[-1]
    assert int(used["usage"]["list_cost"]["amount"]) >= 3
    assert used["budget"] == budget
    raised: Any = {"type": "limit", "max_list_cost": {"amount": "500", "currency": "USD"}}
    scenes.beta.sessions.update(session.id, budget=raised)
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    assert of_type(record, "session.updated")[0]["budget"] == raised


def test_archiving_ends_the_record(scenes: Scenes) -> None:
    session = scenes.begin(says("[[sim hang]] First."))
    until(lambda: of_type(scenes.record(session.id), "span.model_request_start"), "the request")
    assert scenes.beta.sessions.archive(session.id).status == "terminated"

    def ended() -> list[dict[str, Any]] | None:
        found = scenes.record(session.id)
        return found if of_type(found, "session.status_terminated") else None

    conform(until(ended, "the end"))


def test_lists_of_events(scenes: Scenes) -> None:
    session = scenes.begin(says("One."), says("Two."))
    record = scenes.idle(session.id, "end_turn")
    ids = [event["id"] for event in record]
    assert [event["id"] for event in scenes.record(session.id, order="asc", limit=3)] == ids
    assert [event["id"] for event in scenes.record(session.id, order="desc", limit=3)] == ids[::-1]
    said = scenes.record(session.id, types=["user.message", "agent.message"], limit=1)
    assert types(said) == ["user.message", "user.message", "agent.message", "agent.message"]
    answer = of_type(record, "agent.message")[0]["processed_at"]
    later = [event["id"] for event in scenes.record(session.id, created_at_gt=answer)]
    assert later
    assert later == ids[-len(later) :]
    earlier = [event["id"] for event in scenes.record(session.id, created_at_lte=answer)]
    assert earlier + later == ids
    assert [event.id for event in scenes.beta.sessions.events.list(session.id, limit=2)] == ids
