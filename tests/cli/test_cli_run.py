"""`run`: the main job in one command, with a stack of its own or on one that runs."""

import json
import os
import pty
import re
import signal
import sys
from pathlib import Path

from tests.cli.support import OVERNIGHT, Shell

GO_ON = re.compile(r'go on with: overnight run --session (sesn_\w+) "go on"')
LOUD = "a SIMULATOR answers instead of Claude"


def test_it_answers_and_goes_on_after_everything_was_stopped(shell: Shell) -> None:
    first = shell.run("run", "Remember the word heron.").expect(0)
    assert "Remember the word heron." in first.out
    assert first.out.count("\n") == 1, "stdout holds the answer and nothing else"
    assert first.err.count(LOUD) == 2, "said before and after"
    assert re.search(r"succeeded in \d+ s · [\d,]+ tokens in, [\d,]+ out · \$0\.\d{4}\n", first.err)
    session = GO_ON.search(first.err)
    assert session is not None
    shell.run("status").expect(3)
    again = shell.run("run", "--session", session[1], "go on", "--json").expect(0)
    assert again.json["session_id"] == session[1]
    assert again.json["simulated"] is True
    assert "The conversation so far has 3 messages." in again.json["output"]


def test_ctrl_c_leaves_a_task_that_goes_on_at_the_next_start(shell: Shell) -> None:
    with shell.start("run", "Slowly. [[sim latency=8]]") as running:
        running.wait_until_it_says("running")
        running.signal(signal.SIGINT)
        said = running.end().expect(130)
    told = re.search(r"(task_\w+) is not finished: it goes on at the next 'overnight up'", said.err)
    assert told is not None
    assert said.out == ""
    with shell.start("up", "--port", "0", "--no-flower") as up:
        up.wait_until_it_says("Ctrl-C drains and stops")
        assert shell.run("status", told[1], "--wait", "90", "--json").expect(0).json["status"] == "succeeded"


def test_a_stack_of_another_command_that_stops_is_replaced(shell: Shell) -> None:
    with shell.start("up", "--port", "0", "--no-flower") as up:
        up.wait_until_it_says("Ctrl-C drains and stops")
        with shell.start("run", "Slowly. [[sim latency=8]]") as running:
            running.wait_until_it_says("running")
            up.signal(signal.SIGTERM)
            up.end().expect(0)
            said = running.end().expect(0)
    assert "the task goes on with another" in said.err
    assert "Slowly." in said.out


def test_a_worker_that_cannot_run_ends_the_command(shell: Shell) -> None:
    # Found before ours, and without what is asked of it.
    (shell.folder / "broken/worker").mkdir(parents=True)
    (shell.folder / "broken/worker/__init__.py").touch()
    said = shell.with_settings(PYTHONPATH=str(shell.folder / "broken")).run("run", "Say hello.").expect(3)
    assert "did not start" in said.err
    assert "Traceback" not in said.err


def test_on_a_stack_that_runs_a_task_that_fails(client: Shell) -> None:
    said = client.run("run", "This cannot work. [[sim status=400]]").expect(1)
    assert "invalid_request_error" in said.err
    assert said.out == ""


def test_a_retry_is_visible(client: Shell) -> None:
    said = client.run("run", "Once more. [[sim status=529 times=1]]").expect(0)
    assert re.search(r"waiting: retry, attempt 2, again at [\d:]+ \(overloaded_error", said.err)
    assert "Once more." in said.out


def test_a_cancelled_task_has_its_own_code(client: Shell) -> None:
    with client.start("run", "Slowly. [[sim latency=120]]") as running:
        running.wait_until_it_says("running")
        client.run("cancel", client.run("status", "--json").json["data"][0]["id"]).expect(0)
        running.end().expect(4)


def test_json_is_one_document(client: Shell) -> None:
    task = client.run("run", "Say hello.", "--json").expect(0).json
    assert (task["status"], task["simulated"]) == ("succeeded", True)


def test_the_prompt_from_standard_input(client: Shell) -> None:
    assert "From a pipe." in client.run("run", "--file", "-", stdin="From a pipe.").expect(0).out


def test_a_session_that_is_not_there(client: Shell) -> None:
    assert "not found" in client.run("run", "x", "--session", "sesn_0").expect(2).err


def test_a_server_elsewhere_is_used_when_it_is_set(client: Shell, tmp_path: Path) -> None:
    address = json.loads((client.data / "client.json").read_text())
    elsewhere = Shell(tmp_path, OVERNIGHT_URL=address["base_url"], OVERNIGHT_API_KEY=address["key"])
    assert "Say hello." in elsewhere.run("run", "Say hello.").expect(0).out
    assert not elsewhere.data.exists()


def test_on_a_terminal_the_words_stream_and_steer_nothing(client: Shell) -> None:
    shown = on_a_terminal(client, "run", 'Say it. [[sim latency=2 deltas=20 reply="one\\u001b[2Jtwo\\nthree"]]')
    assert "streaming" in shown
    assert "\x1b[2J" not in shown
    assert shown.rstrip().endswith("what it says is made up.\x1b[0m")
    final = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "three\r\n" in final


def on_a_terminal(client: Shell, *arguments: str) -> str:
    """Everything that a command writes to its terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(client.folder)
        os.execve(sys.executable, [*OVERNIGHT, *arguments], {**client.env, "TERM": "xterm-256color"})
    shown = b""
    try:
        while some := os.read(terminal, 65_536):
            shown += some
    except OSError:
        pass  # how Linux says that the other side has gone
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown.decode()
    return shown.decode()
