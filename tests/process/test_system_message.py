"""A system message reaches Claude with its prompt, stays for the turns after it, and survives the worker."""

import json

from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster
from tests.process.working_agents import Team, call, script

ANYTHING = {"type": "object", "properties": {}}
NOTE = {"type": "system.message", "content": [{"type": "text", "text": "Be brief."}]}


def says(words: str) -> dict[str, object]:
    return {"type": "user.message", "content": [{"type": "text", "text": words}]}


def test_a_note_is_sent_with_its_prompt_and_ever_after(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.start_api()
    session_id = cluster.api("POST", "/v1/sessions", json={}).json()["id"]
    send(cluster, session_id, says("One [[sim hang times=1]]"), NOTE)
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 1, "the first request hangs")
    cluster.kill("w1")
    cluster.start_worker("w1")
    cluster.wait_until_idle()
    send(cluster, session_id, says("Two"))
    cluster.wait_until_idle()
    roles = ["user", "system", "assistant", "user", "assistant"]
    assert [row.role for row in cluster.ledger(session_id)] == roles
    sent = [request["messages"] for request in cluster.sim("GET", "/sim/requests")["data"]]
    assert [[message["role"] for message in messages] for messages in sent] == [roles[:2], roles[:2], roles[:4]]
    assert all(messages[1]["content"] == NOTE["content"] for messages in sent), json.dumps(sent)


def test_a_note_beside_a_result_is_sent_with_it(make_cluster: MakeCluster) -> None:
    """Two clients answer at once, each with a note; both reach Claude behind the results."""
    cluster = make_cluster()
    cluster.start_worker("w1")
    cluster.start_beat()
    team = Team(cluster, tools=[{"type": "custom", "name": "look", "description": "x", "input_schema": ANYTHING}])
    cluster.start_api()
    task = team.begin(script([call("look"), call("look")]))
    until(lambda: cluster.task(task.id).status == "waiting", "the calls wait")
    for waiting in team.calls(task):
        result = {"type": "user.custom_tool_result", "custom_tool_use_id": waiting.id, "content": []}
        for _ in range(2):  # the second time for want of an answer to the first
            send(cluster, task.session_id, result, NOTE)
    assert cluster.wait_for(task).status == "succeeded"
    messages = cluster.sim("GET", "/sim/requests")["data"][-1]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "system"]
    assert messages[-1]["content"] == 2 * [{"type": "text", "text": "Be brief."}]
    assert [row.role for row in cluster.ledger(task.session_id)] == ["user", "assistant", "user", "system", "assistant"]


def send(cluster: Cluster, session_id: str, *events: dict[str, object]) -> None:
    cluster.api("POST", f"/v1/sessions/{session_id}/events", json={"events": list(events)}).raise_for_status()
