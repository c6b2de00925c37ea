"""Answers to tool calls over HTTP: what is waited for, what each answer does, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.support import KEY, Worker
from tests.asking import APPROVED, ASK_HUMAN, CUSTOM, QUESTION, Wish

TEXT = {"type": "text", "text": "42"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
FOUND = {
    "type": "search_result",
    "source": "https://example.com",
    "title": "A page",
    "content": [TEXT],
    "citations": {"enabled": True},
}


def waiting(client: TestClient, worker: Worker, *wishes: Wish) -> tuple[dict[str, Any], list[str]]:
    """A task that waits for somebody, and the ids of its calls."""
    task = client.post("/v1/tasks", json={"prompt": "Hello"}).json()
    calls = worker.ask(task["session_id"], *wishes)
    return client.get(f"/v1/tasks/{task['id']}").json(), [call.id for call in calls]


def confirmation(call_id: str, result: str = "allow", **more: Any) -> dict[str, Any]:
    return {"type": "user.tool_confirmation", "tool_use_id": call_id, "result": result, **more}


def result(call_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "user.custom_tool_result", "custom_tool_use_id": call_id, **more}


def send(client: TestClient, task: dict[str, Any], *events: dict[str, Any]) -> list[dict[str, Any]]:
    response = client.post(f"/v1/sessions/{task['session_id']}/events", json={"events": events})
    assert response.status_code == 200, response.text
    data: list[dict[str, Any]] = response.json()["data"]
    return data


def refused(client: TestClient, task: dict[str, Any], *events: Any, status: int = 400) -> str:
    response = client.post(f"/v1/sessions/{task['session_id']}/events", json={"events": events})
    assert response.status_code == status, response.text
    message: str = response.json()["error"]["message"]
    return message


def again(client: TestClient, task: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/tasks/{task['id']}").json()
    return found


def test_a_task_tells_what_it_waits_for(client: TestClient, worker: Worker) -> None:
    task, ids = waiting(client, worker, APPROVED, CUSTOM, ASK_HUMAN)
    assert (task["status"], task["wait_reason"]) == ("waiting", "approval")
    assert task["pending"] == [
        {"id": ids[0], "type": "tool_confirmation", "name": "send_mail", "input": {"x": 1}, "because": "permission"},
        {"id": ids[1], "type": "custom_tool_result", "name": "look_up", "input": {"x": 1}},
        {"id": ids[2], "type": "custom_tool_result", "name": "ask_human", "input": QUESTION, **QUESTION},
    ]
    [listed] = client.get("/v1/tasks", params={"session_id": task["session_id"]}).json()["data"]
    assert listed == task
    idle = client.get(f"/v1/sessions/{task['session_id']}/events", params={"types[]": "session.status_idle"}).json()
    assert idle["data"][-1]["stop_reason"] == {"type": "requires_action", "event_ids": ids}


def test_a_question_that_is_none_is_shown_as_it_is(client: TestClient, worker: Worker) -> None:
    wish = replace(ASK_HUMAN, input={"query": "?"})
    task, [call] = waiting(client, worker, wish)
    shown = {"id": call, "type": "custom_tool_result", "name": "ask_human", "input": {"query": "?"}}
    assert task["pending"] == [shown]


def test_progress_is_shown(client: TestClient, worker: Worker) -> None:
    task, _ = waiting(client, worker, CUSTOM)
    assert task["progress"] is None
    worker.report(task["session_id"], "halfway", 0.5)
    assert again(client, task)["progress"] == {"note": "halfway", "fraction": 0.5}
    [told] = client.get(f"/v1/sessions/{task['session_id']}/events", params={"types[]": "task.progress"}).json()["data"]
    assert (told["note"], told["fraction"], told["task_id"]) == ("halfway", 0.5, task["id"])


def test_an_approval(client: TestClient, worker: Worker) -> None:
    task, [call] = waiting(client, worker, APPROVED)
    [echo] = send(client, task, confirmation(call))
    assert echo == {**confirmation(call), "id": echo["id"], "processed_at": None, "task_id": task["id"]}
    assert again(client, task)["pending"] == []
    stored = client.get(f"/v1/sessions/{task['session_id']}/events").json()["data"][-1]
    assert (stored["id"], stored["type"], stored["result"]) == (echo["id"], "user.tool_confirmation", "allow")


def test_a_denial_tells_claude_why(client: TestClient, worker: Worker) -> None:
    task, [call] = waiting(client, worker, APPROVED)
    [echo] = send(client, task, confirmation(call, "deny", deny_message="not on Sundays"))
    assert echo["deny_message"] == "not on Sundays"
    [delivered] = worker.take_up(task["session_id"])
    assert delivered["is_error"] is True
    assert delivered["content"] == [{"type": "text", "text": "The user denied this tool call: not on Sundays"}]


@pytest.mark.parametrize("content", [[TEXT], [TEXT, IMAGE, FOUND]])
def test_what_the_client_sends_is_what_claude_gets(client: TestClient, worker: Worker, content: list[Any]) -> None:
    task, [call] = waiting(client, worker, CUSTOM)
    [echo] = send(client, task, result(call, content=content))
    assert echo["content"] == content
    [delivered] = worker.take_up(task["session_id"])
    assert delivered["content"] == content
    assert "is_error" not in delivered


@pytest.mark.parametrize("said", [{}, {"content": []}, {"content": [{"type": "text", "text": ""}]}])
def test_a_result_may_say_nothing(client: TestClient, worker: Worker, said: dict[str, Any]) -> None:
    task, [call] = waiting(client, worker, CUSTOM)
    send(client, task, result(call, **said))
    [delivered] = worker.take_up(task["session_id"])
    assert delivered == {"type": "tool_result", "tool_use_id": delivered["tool_use_id"]}


def test_an_error_of_the_client(client: TestClient, worker: Worker) -> None:
    task, [call] = waiting(client, worker, CUSTOM)
    send(client, task, result(call, content=[{"type": "text", "text": "no such order"}], is_error=True))
    [delivered] = worker.take_up(task["session_id"])
    assert delivered["is_error"] is True
    assert delivered["content"] == [{"type": "text", "text": "no such order"}]


def test_two_calls_are_answered_one_after_the_other(client: TestClient, worker: Worker) -> None:
    task, [first, second] = waiting(client, worker, CUSTOM, ASK_HUMAN)
    send(client, task, result(second, content=[{"type": "text", "text": "left"}]))
    assert [call["id"] for call in again(client, task)["pending"]] == [first]
    assert worker.take_up(task["session_id"]) == []
    assert again(client, task)["wait_reason"] == "tool_result"
    send(client, task, result(first, content=[TEXT]))
    assert [block["content"][0]["text"] for block in worker.take_up(task["session_id"])] == ["42", "left"]


def test_two_calls_are_answered_at_once_beside_a_message(client: TestClient, worker: Worker) -> None:
    task, [first, second] = waiting(client, worker, APPROVED, CUSTOM)
    message = {"type": "user.message", "content": [{"type": "text", "text": "and then this"}]}
    echoes = send(client, task, confirmation(first, "deny"), result(second, content=[TEXT]), message)
    assert [echo["type"] for echo in echoes] == ["user.tool_confirmation", "user.custom_tool_result", "user.message"]
    assert len(worker.take_up(task["session_id"])) == 2


def test_an_answer_whose_response_was_lost_is_given_again(client: TestClient, worker: Worker) -> None:
    task, [first, second] = waiting(client, worker, APPROVED, CUSTOM)
    said = [confirmation(first, "deny"), result(second, content=[TEXT])]
    assert send(client, task, *said) == send(client, task, *said)
    worker.take_up(task["session_id"])
    send(client, task, *said)
    types = [event["type"] for event in client.get(f"/v1/sessions/{task['session_id']}/events").json()["data"]]
    assert types.count("user.tool_confirmation") == types.count("user.custom_tool_result") == 1


def test_an_answer_that_differs_is_refused(client: TestClient, worker: Worker) -> None:
    task, [first, second] = waiting(client, worker, APPROVED, CUSTOM)
    send(client, task, confirmation(first, "deny"), result(second, content=[TEXT]))
    told = f"events.0.tool_use_id: {first} has its answer already"
    assert refused(client, task, confirmation(first)).startswith(told)
    told = f"events.0.custom_tool_use_id: {second} has its answer already"
    assert refused(client, task, result(second)).startswith(told)


def test_one_bad_answer_undoes_those_beside_it(client: TestClient, worker: Worker) -> None:
    task, [first, second] = waiting(client, worker, APPROVED, CUSTOM)
    told = refused(client, task, confirmation(first), confirmation(second))
    assert told.startswith(f"events.1.tool_use_id: {second} is a call of look_up, which needs no confirmation")
    assert [call["id"] for call in again(client, task)["pending"]] == [first, second]


def test_answers_to_the_wrong_calls_are_refused_by_name(client: TestClient, worker: Worker) -> None:
    task, [asked, custom] = waiting(client, worker, APPROVED, CUSTOM)
    other, [foreign] = waiting(client, worker, APPROVED)
    unknown = "this session has no tool call"
    for events, told in [
        ([confirmation("sevt_none")], f"events.0.tool_use_id: {unknown} sevt_none; send the id of the event"),
        ([confirmation(foreign)], f"events.0.tool_use_id: {unknown} {foreign}"),
        ([result(foreign)], f"events.0.custom_tool_use_id: {unknown} {foreign}"),
        ([confirmation(custom)], "events.0.tool_use_id: "),
        ([result(asked)], f"events.0.custom_tool_use_id: {asked} is a call of send_mail, which is not the client's"),
        ([confirmation(asked), confirmation(asked)], f"events.1.tool_use_id: {asked} has another answer in this"),
    ]:
        assert refused(client, task, *events).startswith(told)
    assert again(client, other)["pending"][0]["id"] == foreign


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (confirmation("x", "maybe"), "events.0.result: input should be 'allow' or 'deny'"),
        (confirmation("x", deny_message="no"), "events.0.deny_message: goes with the result 'deny' only"),
        (confirmation(""), "events.0.tool_use_id: string should have at least 1 character"),
        ({"type": "user.tool_confirmation", "result": "allow"}, "events.0.tool_use_id: is required"),
        (confirmation("x", session_thread_id="t"), "events.0.session_thread_id: is not supported yet"),
        (result("x", content="text"), "events.0.content: must be a list"),
        (result("x", content=[{"type": "video"}]), "events.0.content.0: must be an object whose 'type' is 'text' or"),
        (result("x", tool_use_id="y"), "events.0.tool_use_id: is not a known field"),
        (result("x", content=[{"type": "text", "text": "a\x00b"}]), "events.0.content.0.text: must not contain NUL"),
        ({"type": "user.tool_result", "tool_use_id": "x", "content": "text"}, "events.0.content: must be a list"),
    ],
)
def test_malformed_answers_are_refused_by_field(client: TestClient, event: dict[str, Any], told: str) -> None:
    task = client.post("/v1/tasks", json={"prompt": "Hello"}).json()
    assert refused(client, task, event).startswith(told)


NOTE = {"type": "system.message", "content": [{"type": "text", "text": "Be brief."}]}


def test_a_system_message_goes_with_a_result(client: TestClient, worker: Worker) -> None:
    task, [first, second] = waiting(client, worker, CUSTOM, CUSTOM)
    path = f"/v1/sessions/{task['session_id']}/events"
    sent = [client.post(path, json={"events": [result(first), NOTE]}).json()["data"] for _ in range(2)]
    assert [event["type"] for event in sent[0]] == ["user.custom_tool_result", "system.message"]
    assert sent[0] == sent[1], "given again, it is not said again"
    client.post(path, json={"events": [result(second)]})
    worker.take_up(task["session_id"])
    said = client.get(f"/v1/sessions/{task['session_id']}/messages").json()["data"]
    assert [message["role"] for message in said] == ["user", "assistant", "user", "system"]
    assert said[-1]["content"] == NOTE["content"]
    late = {**NOTE, "content": [{"type": "text", "text": "Be quick."}]}
    assert refused(client, task, result(second), late).startswith("events.1.type: Claude has the results")


def test_a_system_message_does_not_go_with_a_confirmation(client: TestClient, worker: Worker) -> None:
    task, [asked] = waiting(client, worker, APPROVED)
    assert refused(client, task, confirmation(asked), NOTE).startswith("events.1.type: a system.message is the last")


def test_late_answers_are_refused(client: TestClient, worker: Worker) -> None:
    task, [first, second] = waiting(client, worker, APPROVED, CUSTOM)
    client.post(f"/v1/tasks/{task['id']}/cancel")
    assert again(client, task)["pending"] == []
    assert "has ended, and does not wait" in refused(client, task, confirmation(first))
    assert "takes no result any more" in refused(client, task, result(second))
    client.post(f"/v1/sessions/{task['session_id']}/archive")
    assert "is archived" in refused(client, task, confirmation(first))
    client.delete(f"/v1/sessions/{task['session_id']}")
    refused(client, task, confirmation(first), status=404)


def test_another_workspace_sees_and_answers_nothing(client: TestClient, worker: Worker) -> None:
    task, [call] = waiting(client, worker, APPROVED)
    mine = client.headers["x-api-key"]
    for _ in range(2):
        client.headers["x-api-key"] = KEY
        assert refused(client, task, confirmation(call), status=404) == f"session {task['session_id']} not found"
        client.headers["x-api-key"] = mine
        send(client, task, confirmation(call))
