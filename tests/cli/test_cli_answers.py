"""`approve`, `deny`, `answer` against a stack that runs, and who is told what a task waits for."""

import json
import re
from typing import Any

import pytest

from tests.cli.keyboard import Keyboard
from tests.cli.support import Shell, Started, until

CLERK = {
    "name": "Clerk",
    "model": "claude-haiku-4-5",
    "tools": [
        {"type": "python", "name": "ask_human"},
        {"type": "python", "name": "report_progress"},
        {
            "type": "agent_toolset_20260401",
            "default_config": {"enabled": False},
            "configs": [{"name": "write", "enabled": True, "permission_policy": {"type": "always_ask"}}],
        },
        {
            "type": "custom",
            "name": "look_up",
            "description": "Looks a word up.",
            "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}},
        },
    ],
}
REPORTS = 'reply="They said: {results}"'
NOTE = {"file_path": "note.txt", "content": "hello"}
WAY = {"question": "Which way?", "choices": ["left", "right"]}


def calls(name: str, *inputs: dict[str, Any]) -> str:
    """A prompt that has Claude call the tool, all at once, and then tell what came back."""
    blocks = [{"type": "tool_use", "name": name, "input": given} for given in inputs]
    return f"Work. [[sim script={json.dumps(json.dumps([blocks]))} {REPORTS}]]"


@pytest.fixture(scope="session")
def agent(stack: tuple[Shell, Started]) -> str:
    return stack[0].run("agents", "create", "-", stdin=json.dumps(CLERK)).expect(0).out.strip()


def waiting(client: Shell, agent: str, prompt: str, *options: str) -> str:
    """A task that waits for somebody."""
    task_id = client.run("submit", prompt, "--agent", agent, *options).expect(0).out.strip()
    until(lambda: client.run("status", task_id, "--json").json["pending"], "what it waits for")
    return task_id


def ended(client: Shell, task_id: str) -> str:
    output: str = client.run("status", task_id, "--wait", "60", "--json").expect(0).json["output"]
    return output


def test_approve(client: Shell, agent: str) -> None:
    task_id = waiting(client, agent, calls("write", NOTE))
    shown = client.run("status", task_id).expect(0).out
    assert "waiting: approval" in shown
    assert 'to be allowed or denied: write {"file_path": "note.txt", "content": "hello"}\n' in shown
    assert f"\n    overnight approve {task_id}\n    overnight deny {task_id}\n" in shown
    assert "waiting: approval" in client.run("status").expect(0).out
    said = client.run("approve", task_id).expect(0)
    assert re.fullmatch(r"sevt_\w+ is allowed\n", said.err)
    assert said.out == ""
    assert "note.txt" in ended(client, task_id)
    assert "has no call that is to be allowed or denied" in client.run("approve", task_id).expect(2).err


def test_deny_says_why(client: Shell, agent: str) -> None:
    task_id = waiting(client, agent, calls("write", NOTE))
    event = client.run("deny", task_id, "--message", "not on Sundays", "--json").expect(0).json
    assert (event["type"], event["result"]) == ("user.tool_confirmation", "deny")
    assert "They said: The user denied this tool call: not on Sundays" in ended(client, task_id)


def test_a_question_is_answered(client: Shell, agent: str) -> None:
    task_id = waiting(client, agent, calls("ask_human", WAY))
    shown = client.run("status", task_id).expect(0).out
    assert f"a question: Which way? (left / right)\n    overnight answer {task_id} TEXT\n" in shown
    assert "is answered" in client.run("answer", task_id, "left, please").expect(0).err
    assert "They said: left, please" in ended(client, task_id)


def test_a_tool_of_the_clients_fails(client: Shell, agent: str) -> None:
    task_id = waiting(client, agent, calls("look_up", {"word": "heron"}))
    assert 'to be answered by the client: look_up {"word": "heron"}' in client.run("status", task_id).out
    event = client.run("answer", task_id, "--error", "--json", "--", "-5 is no word").expect(0).json
    assert event["content"] == [{"type": "text", "text": "-5 is no word"}]
    assert event["is_error"] is True
    assert "-5 is no word" in ended(client, task_id)


def test_of_several_calls_one_is_named(client: Shell, agent: str) -> None:
    task_id = waiting(client, agent, calls("look_up", {"word": "heron"}, {"word": "ibis"}))
    first, second = (call["id"] for call in client.run("status", task_id, "--json").json["pending"])
    assert f"overnight answer {task_id} {second} TEXT" in client.run("status", task_id).out
    refused = client.run("answer", task_id, "a bird").expect(2).err
    assert f"has 2 calls that are to be answered, name one: {first} is look_up" in refused
    for _ in range(2):  # the same answer again is no error
        client.run("answer", task_id, second, "a holy bird").expect(0)
    assert "has its answer already" in client.run("answer", task_id, second, "no bird").expect(2).err
    client.run("answer", task_id, "a grey bird").expect(0)
    assert "They said: a grey bird | a holy bird" in ended(client, task_id)


def test_what_does_not_fit_is_said_in_one_line(client: Shell, agent: str) -> None:
    task_id = waiting(client, agent, calls("ask_human", WAY))
    [call] = client.run("status", task_id, "--json").json["pending"]
    for arguments, told in [
        (["approve", task_id], "but one that is to be answered: use 'overnight answer'"),
        (["approve", task_id, call["id"]], "needs no confirmation"),
        (["approve", task_id, "sevt_none"], "this session has no tool call sevt_none"),
        (["approve", "task_0"], "not found"),
        (["answer", task_id, call["id"]], "TEXT is missing"),
        (["answer", task_id, "two", "words"], "give one TEXT, in quotes"),
        (["answer", task_id], "Missing argument"),
        (["answer", task_id, "a\0b".replace("\0", "\udcff")], "UTF-8"),
    ]:
        said = client.run(*arguments).expect(2)
        assert told in said.err
        assert said.err.count("\n") == 1
    client.run("cancel", task_id).expect(0)
    assert "is cancelled and has no call" in client.run("answer", task_id, "left").expect(2).err


def test_limits_are_given_and_raised(client: Shell, agent: str) -> None:
    endless = f"Work. [[sim tool=report_progress input={json.dumps(json.dumps({'note': 'on'}))} runaway]]"
    given = ["--max-steps", "2", "--deadline", "2099-06-01T00:00", "--wait", "60"]
    failed = client.run("submit", endless, "--agent", agent, *given, "--json").expect(1).json
    assert (failed["error"]["type"], failed["max_steps"], failed["deadline"][:4]) == ("max_steps_exceeded", 2, "2099")
    assert "2 of 2" in client.run("status", failed["id"]).out
    assert "max_steps: the task has taken 2 steps" in client.run("retry", failed["id"]).expect(2).err
    client.run("retry", failed["id"], "--max-steps", "4").expect(0)
    assert client.run("status", failed["id"], "--wait", "60", "--json").expect(1).json["steps"] == 4
    assert "is past" in client.run("retry", failed["id"], "--max-steps", "5", "--deadline", "2020-01-01").expect(2).err
    assert "--deadline: 'soon' is no time" in client.run("submit", "x", "--deadline", "soon").expect(2).err


def test_progress_is_shown(client: Shell, agent: str) -> None:
    half = calls("report_progress", {"note": "half of it", "fraction": 0.5})
    said = client.run("run", half, "--agent", agent).expect(0)
    task = client.run("status", "--json").json["data"][0]
    assert task["progress"] == {"note": "half of it", "fraction": 0.5}
    assert re.search(r"progress +50 % · half of it", client.run("status", task["id"]).out)
    assert "task.progress  50 % · half of it" in client.run("watch", task["id"], "--all").expect(0).out
    assert "They said: Noted." in said.out


def test_run_at_a_pipe_prints_the_command_and_waits(client: Shell, agent: str) -> None:
    with client.start("run", calls("write", NOTE), "--agent", agent) as running:
        running.wait_until_it_says("overnight deny task_")
        found = re.search(r"    overnight approve (task_\w+)\n", running.err)
        assert found is not None
        client.run("approve", found[1]).expect(0)
        said = running.end().expect(0)
    assert "They said:" in said.out
    assert said.err.count("to be allowed or denied: write") == 1


def test_waiting_for_a_task_tells_what_it_waits_for(client: Shell, agent: str) -> None:
    with client.start("submit", calls("ask_human", WAY), "--agent", agent, "--wait", "inf", "--json") as submitting:
        submitting.wait_until_it_says("overnight answer task_")
        found = re.search(r"overnight answer (task_\w+) TEXT", submitting.err)
        assert found is not None
        client.run("answer", found[1], "right").expect(0)
        assert "They said: right" in submitting.end().expect(0).json["output"]


@pytest.mark.parametrize("what", ["task", "session"])
def test_watch_tells_how_to_answer(client: Shell, agent: str, what: str) -> None:
    task_id = waiting(client, agent, calls("write", NOTE))
    session_id = client.run("status", task_id, "--json").json["session_id"]
    with client.start("watch", task_id if what == "task" else session_id, "--all") as watching:
        watching.wait_until_it_says(f"overnight approve {task_id}")
        assert 'agent.tool_use  write {"file_path": "note.txt"' in watching.out
        client.run("deny", task_id, "--message", "no").expect(0)
        watching.wait_until_it_says("task.succeeded")
        assert re.search(r"user.tool_confirmation  deny sevt_\w+ no\n", watching.out)


def test_the_terminal_asks_for_approvals(client: Shell, agent: str) -> None:
    with Keyboard(client, "run", calls("write", NOTE, {**NOTE, "file_path": "two.txt"}), "--agent", agent) as terminal:
        for times, typed in enumerate(["maybe\n", "y\n", "\n"], 1):
            terminal.wait_until_it_says("Allow write? [y/N]", times)
            terminal.type(typed)
        assert terminal.end() == 0
    assert 'to be allowed or denied: write {"file_path": "note.txt"' in terminal.shown
    assert "The user denied this tool call." in terminal.shown


def test_the_terminal_asks_questions(client: Shell, agent: str) -> None:
    with Keyboard(client, "run", calls("ask_human", WAY), "--agent", agent) as terminal:
        terminal.wait_until_it_says("Your answer (1 = left, 2 = right):")
        terminal.type("2\n")
        assert terminal.end() == 0
    assert "They said: right" in terminal.shown


def test_what_is_left_open_at_the_terminal_may_be_answered_elsewhere(client: Shell, agent: str) -> None:
    with Keyboard(client, "run", calls("ask_human", {"question": "Why?"}), "--agent", agent) as terminal:
        terminal.wait_until_it_says("Your answer:")
        terminal.type("\x04")
        found = re.search(r"overnight answer (task_\w+) TEXT", terminal.shown)
        assert found is not None
        client.run("answer", found[1], "because").expect(0)
        assert terminal.end() == 0
    assert "They said: because" in terminal.shown


def test_an_answer_that_came_from_elsewhere_is_not_an_error(client: Shell, agent: str) -> None:
    with Keyboard(client, "run", calls("write", NOTE), "--agent", agent) as terminal:
        terminal.wait_until_it_says("Allow write? [y/N]")
        found = re.search(r"overnight approve (task_\w+)", terminal.shown)
        assert found is not None
        client.run("deny", found[1]).expect(0)
        terminal.type("y\n")
        assert terminal.end() == 0
    assert "has its answer already" in " ".join(terminal.shown.split())
