"""Workers killed at every point of a step with two tool calls: each effect happens once, or as its policy says."""

from collections import Counter
from typing import Any

import pytest

from overnight.models import DEFAULT_WORKSPACE, Task, ToolCall
from overnight.states import CallStatus
from overnight.store import agents, answers, sessions, tool_calls
from overnight.store.agents import Definition
from overnight.store.sessions import NewSession
from overnight.store.submissions import NewTask
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster, at_work
from worker.history_rules import check

POLICIES = ("retried", "asked", "told")
PROMPT = '[[sim tool={tool} calls=2 input="{{\\"n\\": {{call}}}}" reply="They said: {{results}}"]]'
LOST = "is not known"

#: How often each of the two effects of a session happens, by its policy; a question is answered with no.
EXPECTED: dict[str, dict[str, tuple[int, int]]] = {
    "before the request": {"retried": (1, 1), "asked": (1, 1), "told": (1, 1)},
    "after the reply": {"retried": (1, 1), "asked": (1, 1), "told": (1, 1)},
    "after the intent": {"retried": (1, 1), "asked": (0, 0), "told": (0, 0)},
    "in the tool, before its effect": {"retried": (1, 1), "asked": (0, 0), "told": (0, 0)},
    "in the tool, after its effect": {"retried": (2, 2), "asked": (1, 1), "told": (1, 1)},
    "before a result": {"retried": (2, 2), "asked": (1, 1), "told": (1, 1)},
    "between two results": {"retried": (1, 2), "asked": (1, 1), "told": (1, 1)},
    "before the release": {"retried": (1, 1), "asked": (1, 1), "told": (1, 1)},
}
#: Threads that come to the point: one a session, or one a call.
BY_CALL = {"in the tool, before its effect", "in the tool, after its effect"}


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    return at_work(make_cluster(tools="tests.process.dying_tools", concurrency="8"))


@pytest.mark.parametrize("point", EXPECTED)
def test_each_effect_happens_as_its_policy_says(cluster: Cluster, point: str) -> None:
    arm(cluster, point)
    submitted = {policy: submit(cluster, policy) for policy in POLICIES}
    cluster.processes["w1"].wait(timeout=60)
    cluster.start_worker("w1")
    for policy, task in submitted.items():
        ended = finish(cluster, task)
        assert ended.status == "succeeded", (policy, ended.error)
        counts = effects(cluster, task)
        assert tuple(sorted(counts[n] for n in (1, 2))) == EXPECTED[point][policy], (policy, counts)
        assert_the_ledger_is_valid(cluster, task)
    assert not any(call.status != CallStatus.DONE for task in submitted.values() for call in calls(cluster, task))


def test_a_worker_killed_in_mid_stream(cluster: Cluster) -> None:
    submitted = [submit(cluster, policy, " [[sim hang times=1]]") for policy in POLICIES]
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 3, "three streams")
    cluster.kill("w1")
    cluster.start_worker("w1")
    for task in submitted:
        assert cluster.wait_for(task).status == "succeeded"
        assert effects(cluster, task) == {1: 1, 2: 1}


def arm(cluster: Cluster, point: str) -> None:
    threads = len(POLICIES) * (2 if point in BY_CALL else 1)
    (cluster.folder / "armed").write_text(f"{point.replace(' ', '_')} {threads}")


def submit(cluster: Cluster, policy: str, more: str = "") -> Task:
    return submit_with(cluster, [{"type": "python", "name": policy}], PROMPT.format(tool=policy) + more)


def submit_with(cluster: Cluster, tools: list[dict[str, Any]], prompt: str) -> Task:
    """To a new session of a new agent with `tools`."""
    limits = {"max_steps": 20, "max_tokens": 1_000, "max_retry_age": 600.0}
    agent = Definition("a", "claude-sonnet-5-5", **limits, history={"type": "compact"}, tools=tools)
    with cluster.database.write() as connection:
        made = agents.create(connection, DEFAULT_WORKSPACE, agent)
        session = NewSession(
            model=agent.model, max_tokens=1_000, agent_id=made.agent.id, agent_version=made.version.version
        )
        first = NewTask([{"type": "text", "text": prompt}])
        accepted = sessions.create(connection, DEFAULT_WORKSPACE, session, [first], idle_check=0)[0]
    cluster.after_commit.wake(accepted.task.session_id, accepted.task.id)
    return accepted.task


def finish(cluster: Cluster, task: Task) -> Task:
    """Waits for the end; whoever asks whether to repeat a call is told no."""
    while (now := cluster.wait_for(task, "waiting", "succeeded", "failed", "cancelled")).status == "waiting":
        for call in calls(cluster, task):
            if call.status == CallStatus.ASKED:
                deny(cluster, call)
        cluster.after_commit.wake(task.session_id, task.id)
        cluster.wait_for(task, "running", "succeeded", "failed", "cancelled")
    return now


def deny(cluster: Cluster, call: ToolCall) -> None:
    with cluster.database.write() as connection:
        answers.confirm(
            connection, DEFAULT_WORKSPACE, call.session_id, call.id, allow=False, deny_message="once is enough"
        )


def calls(cluster: Cluster, task: Task) -> list[ToolCall]:
    with cluster.database.read() as connection:
        return tool_calls.of_step(connection, task.session_id, 2)


def assert_the_ledger_is_valid(cluster: Cluster, task: Task) -> None:
    """Prompt, calls, results, answer: each once, and Claude would take it."""
    told = [{"role": row.role, "content": row.content} for row in cluster.ledger(task.session_id)]
    assert [message["role"] for message in told] == ["user", "assistant", "user", "assistant"]
    check(told[:-1], POLICIES)


def effects(cluster: Cluster, task: Task) -> Counter[int]:
    """How often each call of the session had its effect; all of one call under one key."""
    lines = [line.split() for line in (cluster.folder / "effects").read_text().splitlines()]
    ours = [(int(n), key) for session_id, n, key in lines if session_id == task.session_id]
    assert len(set(ours)) == len({n for n, _ in ours})
    return Counter(n for n, _ in ours)
