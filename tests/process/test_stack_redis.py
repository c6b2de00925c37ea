"""The embedded Redis: keeps its data through kill -9, needs a password, listens on loopback, tells nobody."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from stack_support import FAST, until

from overnight.stack.embedded_redis import EmbeddedRedis, running_url
from overnight.stack.errors import StartFailed
from overnight.stack.ports import is_free
from overnight.stack.ready import redis_answers
from overnight.stack.supervisor import Supervisor


@pytest.fixture
def embedded(tmp_path: Path) -> EmbeddedRedis:
    return EmbeddedRedis.prepare(tmp_path)


@pytest.fixture
def running(embedded: EmbeddedRedis, tmp_path: Path) -> Iterator[Supervisor]:
    with supervised(embedded, tmp_path) as supervisor:
        yield supervisor


def supervised(embedded: EmbeddedRedis, data_dir: Path) -> Supervisor:
    return Supervisor([embedded.child()], data_dir / "logs", patience=FAST)


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=5, decode_responses=True)


def pid(supervisor: Supervisor) -> int:
    return supervisor.processes()[0].pid


def test_data_survives_kill_9_at_the_same_address(embedded: EmbeddedRedis, running: Supervisor) -> None:
    with client(embedded.url) as before:
        before.set("kept", "yes")
    killed, answers = pid(running), redis_answers(embedded.port, embedded.password)
    os.kill(killed, signal.SIGKILL)
    until(lambda: pid(running) != killed and answers(), "Redis answers again")
    with client(embedded.url) as after:
        assert after.get("kept") == "yes"


def test_data_survives_a_stop_and_the_port_is_taken_again(tmp_path: Path) -> None:
    first = EmbeddedRedis.prepare(tmp_path)
    with supervised(first, tmp_path), client(first.url) as connection:
        connection.set("kept", "yes")
    second = EmbeddedRedis.prepare(tmp_path)
    with supervised(second, tmp_path), client(second.url) as connection:
        assert connection.get("kept") == "yes"
    assert second.port == first.port
    assert second.password != first.password


def test_another_port_when_the_old_one_is_taken(tmp_path: Path, running: Supervisor, embedded: EmbeddedRedis) -> None:
    again = EmbeddedRedis.prepare(tmp_path)
    assert running.processes()
    assert again.port != embedded.port
    assert is_free(again.port)


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("password", ["", ":wrong@"])
def test_nobody_gets_in_without_the_password(embedded: EmbeddedRedis, password: str) -> None:
    with pytest.raises(redis.AuthenticationError), client(f"redis://{password}127.0.0.1:{embedded.port}/0") as stranger:
        stranger.get("anything")


def test_it_listens_on_loopback_only(embedded: EmbeddedRedis, running: Supervisor) -> None:
    sockets = psutil.Process(pid(running)).net_connections(kind="inet")
    assert {s.laddr for s in sockets if s.status == psutil.CONN_LISTEN} == {("127.0.0.1", embedded.port)}


@pytest.mark.usefixtures("running")
def test_it_is_durable_and_evicts_nothing(embedded: EmbeddedRedis) -> None:
    expected = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "protected-mode": "yes",
    }
    with client(embedded.url) as connection:
        assert connection.config_get("*").items() >= expected.items()


def test_its_files_are_its_owners_alone(embedded: EmbeddedRedis, running: Supervisor, tmp_path: Path) -> None:
    with client(embedded.url) as connection:
        connection.set("makes", "a file")
    directory = tmp_path / "redis"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.rglob("*") if path.is_file()}
    assert modes["redis.conf"] == 0o600
    assert set(modes.values()) == {0o600}
    assert (directory / "redis.pid").read_text().strip() == str(pid(running))


def test_the_password_is_in_the_config_file_only(embedded: EmbeddedRedis, running: Supervisor, tmp_path: Path) -> None:
    assert embedded.password not in " ".join(psutil.Process(pid(running)).cmdline())
    assert embedded.password not in running.log_path("redis").read_text()
    assert embedded.password not in repr(embedded) + repr(embedded.child())
    assert running_url(tmp_path) == embedded.url


def test_stopping_leaves_no_process(embedded: EmbeddedRedis, tmp_path: Path) -> None:
    with supervised(embedded, tmp_path) as supervisor:
        started = supervisor.processes()[0]
        assert started.process()
    assert not started.process()
    assert "User requested shutdown" in supervisor.log_path("redis").read_text()


def test_a_file_it_cannot_load_is_explained(tmp_path: Path) -> None:
    with supervised(embedded := EmbeddedRedis.prepare(tmp_path), tmp_path), client(embedded.url) as connection:
        connection.set("makes", "a file")
    spoil(tmp_path / "redis")
    with pytest.raises(StartFailed, match="redis did not start") as failed:
        supervised(EmbeddedRedis.prepare(tmp_path), tmp_path).start()
    assert f"deleting {tmp_path / 'redis'} loses nothing" in str(failed.value)
    assert any("Bad file format" in line for line in failed.value.log_lines)


def spoil(directory: Path) -> None:
    for file in [*directory.glob("*.aof"), *directory.glob("appendonlydir/*.aof")]:
        file.write_bytes(b"*9\r\nthis is no command\r\n" * 9)
