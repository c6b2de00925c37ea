"""Answers against workers that settle the same step at that moment: nothing is lost, doubled, or left waiting."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from overnight.cli.address import local_address
from tests.cli.support import Shell, until
from tests.cli.test_guide import TOOL

TASKS, STEPS = 12, 4
AGENT = {"name": "Clerk", "model": "claude-haiku-4-5", "tools": [TOOL]}
PROMPT = (
    f'[[sim tool=look_up calls=2 loop={STEPS} input={json.dumps(json.dumps({"word": "{call}"}))} reply="{{results}}"]]'
)


def test_many_answer_at_once(client: Shell) -> None:
    address = local_address(client.data)
    assert address is not None
    with httpx2.Client(base_url=address.base_url, headers={"x-api-key": address.key}, timeout=60) as http:
        agent = http.post("/v1/agents", json=AGENT).json()["id"]
        submitted = [http.post("/v1/tasks", json={"prompt": PROMPT, "agent": agent}).json() for _ in range(TASKS)]
        ids = [task["id"] for task in submitted]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: until(lambda: all_answered(http, ids), "every task has ended"), range(4)))
        for task in submitted:
            done = http.get(f"/v1/tasks/{task['id']}").json()
            assert (done["status"], done["steps"]) == ("succeeded", STEPS + 1)
            path = f"/v1/sessions/{task['session_id']}/events"
            answers = http.get(path, params={"types[]": "user.custom_tool_result", "limit": 1_000}).json()["data"]
            assert len({answer["custom_tool_use_id"] for answer in answers}) == len(answers) == 2 * STEPS


def all_answered(http: httpx2.Client, task_ids: list[str]) -> bool:
    """Answers each call that is seen, one request a call; whether no task is left."""
    left = False
    for task_id in task_ids:
        task = http.get(f"/v1/tasks/{task_id}").json()
        left = left or task["finished_at"] is None
        for call in reversed(task["pending"]):
            answer(http, task, call)
    return not left


def answer(http: httpx2.Client, task: dict[str, Any], call: dict[str, Any]) -> None:
    """The same from everybody: whoever comes second is told the same."""
    content = [{"type": "text", "text": f"for {call['id']}"}]
    event = {"type": "user.custom_tool_result", "custom_tool_use_id": call["id"], "content": content}
    sent = http.post(f"/v1/sessions/{task['session_id']}/events", json={"events": [event]})
    assert sent.status_code == 200, sent.text
