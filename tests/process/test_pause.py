"""Sessions paused, resumed and shared while real workers are at work, and die."""

import random
import time

from overnight.models import DEFAULT_WORKSPACE
from overnight.states import Life
from overnight.store import pausing, sessions
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster, at_work
from tests.process.invariants import assert_history_was_sent, assert_ledgers_are_whole, overlapping_requests

SESSIONS, TASKS, KILLS = 12, 3, 3


def pause(cluster: Cluster, session_id: str) -> None:
    with cluster.database.write() as connection:
        pausing.pause(connection, DEFAULT_WORKSPACE, session_id)
    cluster.after_commit.hint_stop(session_id)


def resume(cluster: Cluster, session_id: str) -> None:
    with cluster.database.write() as connection:
        moved = pausing.resume(connection, DEFAULT_WORKSPACE, session_id)
    if moved.wake:
        cluster.after_commit.wake(session_id)


def test_a_request_under_way_ends_at_once_and_is_asked_again(make_cluster: MakeCluster) -> None:
    cluster = at_work(make_cluster())
    task = cluster.submit("[[sim hang times=1]] Go.")
    until(lambda: in_flight(cluster) == 1, "a request in flight")
    pause(cluster, task.session_id)
    assert cluster.wait_for(task, "waiting", patience=20).wait_reason == "paused"
    until(lambda: in_flight(cluster) == 0, "the request is dropped", patience=20)
    after = cluster.submit("And then?", task.session_id)
    requests = asked(cluster)
    cluster.after_commit.wake(task.session_id)
    cluster.wait_for(cluster.submit("In another session."))
    assert asked(cluster) == requests + 1
    resume(cluster, task.session_id)
    assert [cluster.wait_for(one).status for one in (task, after)] == ["succeeded", "succeeded"]
    assert_ledgers_are_whole(cluster)


def test_workers_die_while_sessions_are_paused_and_resumed(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(latency=0.4, lease_ttl="3")
    for name in ("w1", "w2"):
        cluster.start_worker(name)
    cluster.start_beat()
    cluster.wait_for_workers("w1", "w2")
    firsts = [cluster.submit(f"session {number} task 1") for number in range(SESSIONS)]
    for number, first in enumerate(firsts):
        for turn in range(2, TASKS + 1):
            cluster.submit(f"session {number} task {turn}", first.session_id)
    chance = random.Random(6)
    for _ in range(KILLS):
        ends = time.monotonic() + 1.2
        while time.monotonic() < ends:
            (pause if chance.random() < 0.6 else resume)(cluster, chance.choice(firsts).session_id)
        victim = chance.choice(("w1", "w2"))
        cluster.kill(victim)
        cluster.start_worker(victim)
    for first in firsts:
        pause(cluster, first.session_id)
    running = "SELECT count(*) FROM tasks WHERE status = 'running'"
    until(lambda: cluster.rows(running)[0][0] == 0, "all is put down, of the dead too", patience=30)
    for first in firsts:
        with cluster.database.read() as connection:
            assert sessions.get(connection, DEFAULT_WORKSPACE, first.session_id).life == Life.PAUSED
        resume(cluster, first.session_id)
    cluster.wait_until_idle()
    assert cluster.rows("SELECT status, count(*) FROM tasks GROUP BY status") == [("succeeded", SESSIONS * TASKS)]
    assert_ledgers_are_whole(cluster)
    assert_history_was_sent(cluster)
    assert overlapping_requests(cluster) == []


def test_agents_take_turns_in_one_session(make_cluster: MakeCluster) -> None:
    cluster = at_work(make_cluster())
    cluster.start_api()
    names = {"writer": "claude-sonnet-5-5", "critic": "claude-haiku-4-5"}
    agents = {
        name: cluster.api(
            "POST", "/v1/agents", json={"name": name, "model": model, "system": f"You are the {name}."}
        ).json()["id"]
        for name, model in names.items()
    }
    session_id = cluster.api("POST", "/v1/sessions", json={"agent": agents["writer"]}).json()["id"]
    prompts = {
        "[[sim thinking reply=Draft.]] Write.": "writer",
        "[[sim thinking reply=Weak.]] Judge.": "critic",
        "[[sim reply=Better.]] Again.": "writer",
        "[[sim reply=Good.]] And now?": "critic",
    }
    for prompt, name in prompts.items():
        wish = {"prompt": prompt, "session_id": session_id, "agent": agents[name]}
        assert cluster.api("POST", "/v1/tasks", json=wish).status_code == 202
    cluster.wait_until_idle()
    assert cluster.rows("SELECT status, count(*) FROM tasks GROUP BY status") == [("succeeded", 4)]
    sent = cluster.sim("GET", "/sim/requests")["data"]
    assert [request["model"] for request in sent] == [names[name] for name in prompts.values()]
    thought = [
        ["thinking" in {block["type"] for block in message["content"]} for message in request["messages"][1::2]]
        for request in sent
    ]
    assert thought == [[], [False], [True, False], [False, True, False]], "each its own, and nobody else's"
    messages = cluster.api("GET", f"/v1/sessions/{session_id}/messages").json()["data"]
    authors = [message["agent"] and message["agent"]["id"] for message in messages]
    assert authors == [None, None, agents["critic"], agents["critic"]] * 2
    shown = cluster.api("GET", f"/v1/sessions/{session_id}/messages?as_sent=8").json()["data"]
    assert [message["role"] for message in shown] == [message["role"] for message in sent[3]["messages"]]
    assert "thinking" not in {block["type"] for block in shown[1]["content"]}
    usage = cluster.api("GET", "/v1/usage?group_by[]=agent_id").json()["data"]
    assert len(usage) == 2


def in_flight(cluster: Cluster) -> int:
    return int(cluster.sim("GET", "/sim/stats")["in_flight"])


def asked(cluster: Cluster) -> int:
    return len(cluster.sim("GET", "/sim/requests")["data"])
