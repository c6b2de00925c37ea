"""`up`: complete, private, alone on its directory, and gone without a trace when it is stopped."""

import base64
import json
import os
import re
import signal
import stat

import httpx2
import psutil
import pytest

from tests.cli.support import Shell, Started, until

KEY = re.compile(r"sk-overnight-[\w-]{43}")
PASSWORD = re.compile(r"user (\w+), password (\S+)")
FLOWER = re.compile(r"Flower +(http://\S+)")


def secrets_of(client: Shell, up: Started) -> list[str]:
    shown = KEY.search(up.out)
    login = PASSWORD.search(up.out)
    assert shown is not None
    assert login is not None
    config = (client.data / "redis/redis.conf").read_text()
    redis = re.search(r"^requirepass (\w+)$", config, re.MULTILINE)
    assert redis is not None
    return [shown[0], login[2], redis[1], json.loads((client.data / "client.json").read_text())["key"]]


def test_no_secret_is_on_any_command_line(stack: tuple[Shell, Started]) -> None:
    client, up = stack
    hidden = secrets_of(client, up)
    family = [psutil.Process(up.process.pid), *psutil.Process(up.process.pid).children(recursive=True)]
    lines = [" ".join(process.cmdline()) for process in family]
    assert {"api", "worker", "beat", "flower"} <= {word for line in lines for word in line.split()}
    assert not [line for line in lines if any(secret in line for secret in hidden)]


def test_what_holds_secrets_is_private(stack: tuple[Shell, Started]) -> None:
    client, _ = stack
    for name in ("client.json", "flower-login", "overnight.db"):
        assert stat.S_IMODE((client.data / name).stat().st_mode) == 0o600, name


def test_the_key_that_was_shown_once_opens_the_server(stack: tuple[Shell, Started]) -> None:
    client, up = stack
    key, _, _, local = secrets_of(client, up)
    assert key != local
    address = json.loads((client.data / "client.json").read_text())["base_url"]
    client.run("status", "--url", address, "--key", key).expect(0)
    names = [each["name"] for each in client.run("keys", "list", "--json").json["data"]]
    assert names.count("first-up") == 1
    assert key not in client.run("keys", "list").out


def test_flower_asks_for_the_password_and_shows_the_tasks_without_their_prompts(stack: tuple[Shell, Started]) -> None:
    client, up = stack
    url, login = FLOWER.search(up.out), PASSWORD.search(up.out)
    assert url is not None
    assert login is not None
    assert httpx2.get(f"{url[1]}/api/tasks").status_code == 401
    basic = base64.b64encode(f"{login[1]}:{login[2]}".encode()).decode()

    def listed() -> str:
        return httpx2.get(f"{url[1]}/api/tasks", headers={"authorization": f"Basic {basic}"}).raise_for_status().text

    def is_shown() -> bool:
        # Flower shows what happens while it listens: what came before it did is not told again.
        task = client.run("submit", "Nobody reads this.", "--wait", "60", "--json").expect(0).json
        return task["session_id"] in listed() and task["id"] in listed()

    until(is_shown, "the session and the task in Flower")
    assert "Nobody reads this" not in listed()


def test_a_second_start_is_refused_in_one_line(client: Shell) -> None:
    said = client.run("up", "--port", "0").expect(3)
    assert said.err.startswith("overnight: Overnight already runs on")
    assert said.err.count("\n") == 1


def test_a_taken_port_is_said_in_one_line(stack: tuple[Shell, Started], shell: Shell) -> None:
    address = json.loads((stack[0].data / "client.json").read_text())["base_url"]
    said = shell.run("up", "--no-flower", "--port", address.rpartition(":")[2]).expect(3)
    assert said.err.count("\n") == 1
    assert "OVERNIGHT_PORT" in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_without_a_trace_and_starts_again(shell: Shell, number: signal.Signals) -> None:
    private = shell.with_settings(OVERNIGHT_API_KEY="sk-mine", ANTHROPIC_API_KEY="sk-ant-x")
    with private.start("up", "--port", "0", "--no-flower") as up:
        up.wait_until_it_says("Ctrl-C drains and stops")
        assert "the one in OVERNIGHT_API_KEY" in up.out
        assert "SIMULATOR" not in up.err
        assert "sk-mine" not in up.out
        address = json.loads((shell.data / "client.json").read_text())
        shell.run("status", "--url", address["base_url"], "--key", "sk-mine").expect(0)
        children = psutil.Process(up.process.pid).children(recursive=True)
        up.signal(number)
        up.end().expect(0)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not (shell.data / "client.json").exists()
    keys = shell.run("keys", "list", "--json").expect(0).json["data"]
    assert [key["name"] for key in keys if key["revoked_at"] is None] == ["bootstrap"]
    assert [key["name"].partition(" ")[0] for key in keys if key["revoked_at"]] == ["local-cli"]
    assert os.listdir(shell.data / "logs")
