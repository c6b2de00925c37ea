"""The SDK's own workers carry out the tools of agents whose sessions are in their environment, and may be killed."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic

from overnight.history import context
from overnight.history.context import Entry
from overnight.models import Task
from tests.process.cluster import KEY, Cluster, until
from tests.process.conftest import MakeCluster
from tests.process.working_agents import call, script
from worker.history_rules import check

TOOLSET: Any = {"type": "agent_toolset_20260401"}
ASKING: Any = {**TOOLSET, "configs": [{"name": "write", "permission_policy": {"type": "always_ask"}}]}
NAMES = ("bash", "read", "write", "edit", "glob", "grep")
PATIENCE = 600.0  # seconds, the longest that a worker lives


class Office:
    """An environment on a machine of its own: a folder, and the worker that works in it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        folder.mkdir()
        self.sdk = Anthropic(api_key=KEY, base_url=cluster.api_url, max_retries=2)
        self.environment_id = self.sdk.beta.environments.create(name="office").id

    def open(self, name: str = "office") -> None:
        """Its worker knows this API and nothing else of Overnight."""
        command = [sys.executable, "-m", "tests.process.environment_worker", str(self.folder), str(PATIENCE)]
        self.cluster.start(
            name,
            command,
            PATH=os.environ["PATH"],
            ANTHROPIC_BASE_URL=self.cluster.api_url,
            ANTHROPIC_API_KEY="none",
            ANTHROPIC_ENVIRONMENT_ID=self.environment_id,
            ANTHROPIC_ENVIRONMENT_KEY=KEY,
        )

    def begin(self, tools: Any, *replies: list[dict[str, Any]]) -> Task:
        """A session of a new agent, which says and does all this."""
        agent = self.sdk.beta.agents.create(name="clerk", model="claude-haiku-4-5", tools=[tools])
        session = self.sdk.beta.sessions.create(
            agent=agent.id,
            environment_id=self.environment_id,
            initial_events=[{"type": "user.message", "content": [{"type": "text", "text": script(*replies)}]}],
        )
        rows = self.cluster.rows(f"SELECT id FROM tasks WHERE session_id = '{session.id}'")
        return self.cluster.task(rows[0][0])

    def works(self, session_id: str) -> list[str]:
        """The states of its work, oldest first."""
        found = self.sdk.beta.environments.work.list(self.environment_id)
        return [work.state for work in found if work.data.id == session_id][::-1]

    def results(self, task: Task) -> list[tuple[str, bool]]:
        """What each call came to, as Claude was told: text, and whether it is an error."""
        *ledger, _ = [Entry(row.seq, row.role, row.content) for row in self.cluster.ledger(task.session_id)]
        check(context.messages(ledger, [], 0), NAMES)
        blocks = [block for message in ledger for block in message.content if block["type"] == "tool_result"]
        return [(block["content"][0]["text"], block.get("is_error", False)) for block in blocks]


@pytest.fixture
def office(make_cluster: MakeCluster, tmp_path: Path) -> Office:
    made = make_cluster(concurrency="8", work_ttl="6")
    made.start_api()
    made.start_worker("w1")
    made.start_beat()
    made.wait_for_workers("w1")
    return Office(made, tmp_path / "office")


def says(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]


def test_an_agent_works_in_the_environments_folder(office: Office) -> None:
    office.open()
    task = office.begin(
        TOOLSET,
        [call("write", file_path="a/notes.txt", content="one\ntwo\n"), call("write", file_path="b.txt", content="x")],
        [call("edit", file_path="a/notes.txt", old_string="two", new_string="three")],
        [call("read", file_path="a/notes.txt"), call("grep", pattern="thr"), call("glob", pattern="**/*.txt")],
        [call("bash", command="cat b.txt; echo done > c.txt"), call("read", file_path="/etc/passwd")],
        says("All done."),
    )
    ended = office.cluster.wait_for(task)
    assert (ended.status, ended.output) == ("succeeded", "All done."), ended.error
    assert (office.folder / "a/notes.txt").read_text() == "one\nthree\n"
    assert (office.folder / "c.txt").read_text() == "done\n"
    *_, read, grepped, globbed, shell, outside = office.results(task)
    assert read[0].strip() == "one\nthree"
    assert "a/notes.txt" in grepped[0]
    assert {str(office.folder / name) for name in ("a/notes.txt", "b.txt")} == set(globbed[0].split())
    assert (shell[0].strip(), shell[1]) == ("x", False)
    assert outside[1]
    assert not list((office.cluster.folder / "workspaces").rglob("*.txt"))  # Overnight's workers ran nothing
    until(lambda: office.works(task.session_id) == ["stopped"], "the worker leaves an idle session")
    stats = office.sdk.beta.environments.work.stats
    until(lambda: stats(office.environment_id).workers_polling == 1, "it polls again")


def test_a_person_allows_what_the_agent_asks_for(office: Office) -> None:
    office.open()
    wishes = [call("write", file_path=name, content="x") for name in ("no", "yes")]
    task = office.begin(ASKING, wishes)
    calls = until(lambda: waits_for(office, task, "approval", 2), "two calls that ask")
    assert [each["type"] for each in calls] == ["tool_confirmation"] * 2
    for each, verdict in zip(calls, ("deny", "allow"), strict=True):
        said: Any = {"type": "user.tool_confirmation", "tool_use_id": each["id"], "result": verdict}
        office.sdk.beta.sessions.events.send(task.session_id, events=[said])
    office.cluster.wait_for(task)
    assert (office.folder / "yes").read_text() == "x"
    assert not (office.folder / "no").exists()
    denied, written = office.results(task)
    assert ("denied" in denied[0], denied[1], written[1]) == (True, True, False)


def test_a_killed_worker_is_succeeded_by_the_next(office: Office) -> None:
    office.open()
    slow = "echo begun >> begun; while [ ! -e go ]; do sleep 0.1; done; echo ended >> ended"
    task = office.begin(
        TOOLSET,
        [call("write", file_path="first", content="1"), call("bash", command=slow)],
        [call("read", file_path="ended")],
        says("Both."),
    )
    until((office.folder / "begun").exists, "the shell")
    office.cluster.kill("office")
    assert office.works(task.session_id) == ["active"]
    (office.folder / "go").touch()
    office.open()
    ended = office.cluster.wait_for(task)
    assert (ended.status, ended.output) == ("succeeded", "Both."), ended.error
    first, shell, read = office.results(task)
    assert (first[1], shell[1]) == (False, False)
    begun = (office.folder / "begun").read_text().split()
    assert len(begun) == 2  # the SDK's workers run again what has no result
    assert read[0].split()[-1] == "ended"
    told = list(office.sdk.beta.sessions.events.list(task.session_id, types=["user.tool_result"]))
    assert len({event.tool_use_id for event in told}) == len(told) == 3
    until(lambda: office.works(task.session_id) == ["stopped"], "one item, held by both in turn")


def test_nobody_goes_on_with_a_cancelled_call(office: Office) -> None:
    office.open()
    task = office.begin(TOOLSET, [call("bash", command="echo x >> begun; while [ ! -e go ]; do sleep 0.1; done")])
    until((office.folder / "begun").exists, "the shell")
    office.cluster.api("POST", f"/v1/tasks/{task.id}/cancel").raise_for_status()
    assert office.works(task.session_id) == ["stopping"]
    (office.folder / "go").touch()  # the SDK's workers do not cut a tool short
    until(lambda: office.works(task.session_id) == ["stopped"], "the worker lets go of the session")
    office.sdk.beta.sessions.events.send(
        task.session_id,
        events=[{"type": "user.message", "content": [{"type": "text", "text": script([call("glob", pattern="*")])}]}],
    )
    until(lambda: unfinished(office, task.session_id) == 0, "the next task")
    assert (office.folder / "begun").read_text() == "x\n"  # a worker that comes back does not begin it again
    assert office.results(task)[0][1]


def unfinished(office: Office, session_id: str) -> int:
    listed = office.cluster.api("GET", "/v1/tasks", params={"session_id": session_id}).json()["data"]
    return sum(task["status"] not in {"succeeded", "cancelled"} for task in listed)


def waits_for(office: Office, task: Task, reason: str, calls: int) -> list[dict[str, Any]] | None:
    shown = office.cluster.api("GET", f"/v1/tasks/{task.id}").json()
    pending: list[dict[str, Any]] = shown["pending"]
    return pending if shown["wait_reason"] == reason and len(pending) == calls else None
