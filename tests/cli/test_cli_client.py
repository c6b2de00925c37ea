"""The client commands against a stack that runs: what they print, and the codes with which they end."""

import json
import re
from typing import Any

from tests.cli.support import Shell, until

TASK_ID = re.compile(r"task_[0-9a-f]{32}\n")
TASK_FIELDS = {
    "id",
    "type",
    "session_id",
    "status",
    "wait_reason",
    "due_at",
    "attempts",
    "steps",
    "progress",
    "output",
    "error",
    "usage",
    "cost_usd",
    "metadata",
    "created_at",
    "started_at",
    "finished_at",
}
SLOW = "Take your time. [[sim latency=120]]"
BROKEN = "This cannot work. [[sim status=400]]"


def submitted(client: Shell, *arguments: str) -> str:
    said = client.run("submit", *arguments).expect(0)
    assert TASK_ID.fullmatch(said.out), said.out
    return said.out.strip()


def test_submit_prints_the_id_alone(client: Shell) -> None:
    said = client.run("submit", "Say hello.").expect(0)
    assert TASK_ID.fullmatch(said.out)
    assert said.err == ""


def test_submit_and_status_give_the_same_task_as_json(client: Shell) -> None:
    task = client.run("submit", "Say hello.", "--title", "A title", "--metadata", "a=b=c", "--json").expect(0).json
    assert task.keys() >= TASK_FIELDS
    assert task["metadata"] == {"a": "b=c"}
    done = client.run("status", task["id"], "--wait", "60", "--json").expect(0).json
    assert done.keys() >= TASK_FIELDS
    assert (done["id"], done["status"]) == (task["id"], "succeeded")
    assert "Say hello." in done["output"]
    assert client.run("sessions", "show", task["session_id"], "--json").json["title"] == "A title"


def test_the_prompt_may_come_from_an_argument_and_standard_input(client: Shell) -> None:
    task = client.run("submit", "Above.", "--file", "-", "--wait", "60", "--json", stdin="Bełow.\n").expect(0).json
    said = client.run("sessions", "messages", task["session_id"], "--json").expect(0).json["data"]
    assert said[0]["content"] == [{"type": "text", "text": "Above.\n\nBełow."}]
    assert [message["role"] for message in said] == ["user", "assistant"]


def test_submit_waits_and_its_code_says_how_it_ended(client: Shell) -> None:
    assert "succeeded" in client.run("submit", "Say hello.", "--wait", "60").expect(0).out
    failed = client.run("submit", BROKEN, "--wait", "60").expect(1)
    assert "failed" in failed.out
    assert "invalid_request_error" in failed.out


def test_status_says_5_when_the_time_is_over_and_4_when_it_was_cancelled(client: Shell) -> None:
    task_id = submitted(client, SLOW)
    assert client.run("status", task_id, "--wait", "0.5", "--json").expect(5).json["status"] in {"queued", "running"}
    client.run("status", task_id).expect(0)
    client.run("cancel", task_id).expect(0)
    assert client.run("status", task_id, "--wait", "30", "--json").expect(4).json["status"] == "cancelled"
    client.run("cancel", task_id).expect(0)


def test_waiting_for_a_task_that_waits_does_not_hammer_the_server(client: Shell) -> None:
    task_id = submitted(client, "Later.", "--not-before", "2099-01-01T00:00")
    said = client.run("status", task_id, "--wait", "2").expect(5)
    assert "waiting: scheduled" in said.out
    client.run("cancel", task_id).expect(0)


def test_only_a_failed_task_is_retried(client: Shell) -> None:
    failed = client.run("submit", BROKEN, "--wait", "60", "--json").expect(1).json["id"]
    assert client.run("retry", failed, "--json").expect(0).json["id"] == failed
    client.run("status", failed, "--wait", "60").expect(1)
    fine = client.run("submit", "Say hello.", "--wait", "60", "--json").expect(0).json["id"]
    assert "only a failed task" in client.run("retry", fine).expect(2).err


def test_an_id_that_nobody_knows(client: Shell) -> None:
    for arguments in (["status", "task_0"], ["cancel", "task_0"], ["watch", "task_0"], ["sessions", "show", "sesn_0"]):
        assert "not found" in client.run(*arguments).expect(2).err


def test_the_latest_tasks(client: Shell) -> None:
    task_id = submitted(client, "Say hello.")
    assert client.run("status", "--json").expect(0).json["data"][0]["id"] == task_id
    assert task_id in client.run("status").expect(0).out.splitlines()[1]


def test_a_context_key_finds_its_session_again(client: Shell) -> None:
    first = client.run("submit", "One.", "--context-key", "chat-1", "--wait", "60", "--json").expect(0).json
    second = client.run("submit", "Two.", "--context-key", "chat-1", "--json").expect(0).json
    assert first["session_id"] == second["session_id"]


def test_sessions_from_list_to_delete(client: Shell) -> None:
    session_id = client.run("submit", "Say hello.", "--wait", "60", "--json").expect(0).json["session_id"]
    listed = client.run("sessions", "list", "--json").expect(0).json["data"]
    assert session_id in [session["id"] for session in listed]
    assert session_id in client.run("sessions", "list").expect(0).out
    assert "idle" in client.run("sessions", "show", session_id).expect(0).out
    assert "Say hello." in client.run("sessions", "messages", session_id).expect(0).out
    client.run("sessions", "archive", session_id).expect(0)
    assert session_id not in client.run("sessions", "list").out
    assert session_id in client.run("sessions", "list", "--archived").out
    assert "archived" in client.run("submit", "More.", "--session", session_id).expect(2).err
    client.run("sessions", "delete", session_id).expect(0)
    client.run("sessions", "show", session_id).expect(2)


def test_a_session_is_paused_forked_and_gone_back_to(client: Shell) -> None:
    session_id = client.run("submit", "Say hello.", "--wait", "60", "--json").expect(0).json["session_id"]
    taken = client.run("sessions", "snapshot", session_id, "the first").expect(0).out.strip()
    assert "paus" in client.run("sessions", "pause", session_id).expect(0).err
    assert session_id in client.run("sessions", "list", "--state", "paused", "--state", "pausing").expect(0).out
    client.run("sessions", "resume", session_id).expect(0)
    client.run("sessions", "update", session_id, "--notes", "Mind.", "--metadata", "team=a").expect(0)
    assert session_id in client.run("sessions", "list", "--metadata", "team=a").expect(0).out
    fork = client.run("sessions", "fork", session_id, "--at", "2", "--title", "Other").expect(0).out.strip()
    shown = client.run("sessions", "show", fork).expect(0).out
    assert f"{session_id} at 2" in shown
    back = client.run("sessions", "restore", session_id, taken, "--json").expect(0).json
    assert (back["forked_at"], back["notes"]) == (2, "Mind.")
    assert taken in client.run("sessions", "snapshots", session_id).expect(0).out
    compared = client.run("sessions", "compare", session_id, "the first", fork).expect(0)
    assert "the same up to message 2" in compared.err
    assert "at: " in client.run("sessions", "fork", session_id, "--at", "9").expect(2).err


def test_a_steering_text_does_not_steer_when_it_is_json_either(client: Shell) -> None:
    task = client.run("submit", "x", "--title", "\x1b[2Jgone", "--wait", "60", "--json").expect(0).json
    assert "\x1b" not in client.run("sessions", "list").expect(0).out
    assert client.run("sessions", "show", task["session_id"], "--json").json["title"] == "\x1b[2Jgone"


def test_keys_open_and_close_the_server(client: Shell) -> None:
    made = client.run("keys", "create", "for a test", "--json").expect(0).json
    address = json.loads((client.data / "client.json").read_text())["base_url"]
    with_key = ["--url", address, "--key", made["key"]]
    client.run("status", *with_key).expect(0)
    client.run("keys", "revoke", made["id"]).expect(0)
    until(lambda: client.run("status", *with_key).code == 2, "the revoked key is refused", 30)
    assert "refused the key" in client.run("status", *with_key).err


def test_doctor_finds_a_running_stack_well(client: Shell) -> None:
    def checked() -> dict[str, Any]:
        return {check["check"]: check for check in client.run("doctor", "--json").expect(0).json["checks"]}

    well = (
        "settings",
        "database",
        "schema",
        "database clock",
        "worker",
        "beat",
        "redis",
        "redis clock",
        "celery",
        "prices",
    )
    # On a machine that is busy for long, beat and worker may for once report themselves late.
    until(lambda: {checked()[name]["verdict"] for name in well} == {"ok"}, "all is well", 30)
    checks = checked()
    assert checks["stalled sessions"]["detail"] == "none"
    assert "SIMULATOR" in checks["claude"]["detail"]
    assert all(check["remedy"] for check in checks.values() if check["verdict"] != "ok")


def test_doctor_tells_what_is_left_of_the_limits(client: Shell) -> None:
    client.run("submit", "Hello", "--wait", "30").expect(0)
    until(lambda: "of 20,000 a minute left" in client.run("doctor").expect(0).out, "the limits are known", 30)
    checks = {check["check"]: check for check in client.run("doctor", "--json").expect(0).json["checks"]}
    assert checks["limits of sonnet"]["detail"].startswith("gate ")
