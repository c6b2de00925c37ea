"""The example of the README, as a visitor runs it: stopped at its question, then with its worker killed in a refund."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from overnight.stack.record import Record
from tests.cli.support import OURS, PATIENCE, until
from tests.compose import ROOT

NAME = "support_desk"


def test_a_refund_is_made_once_whatever_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / f".{NAME}"
    asked = start(tmp_path)
    wait_for_words(asked, b"Allow refund {'order': 1007, 'euros': 20}? [y/N]")
    asked.send_signal(signal.SIGINT)
    assert "Run it again to go on" in end(asked, 1)
    assert rows(folder / "shop.db", "SELECT * FROM refunds") == []

    allowed = start(tmp_path, "--yes")
    until(lambda: rows(folder / "shop.db", "SELECT * FROM refunds"), "the refund")
    kill_the_worker(folder)
    said = end(allowed, 0)
    assert "Going on with the letter that was begun before." in said
    assert said.count("= 20 euros of order 1007 are refunded") == 1
    assert "In all, the shop has refunded 20 euros." in said
    ((key, number, euros),) = rows(folder / "shop.db", "SELECT * FROM refunds")
    assert (number, euros) == (1007, 20)
    began = "SELECT id, name, attempts FROM tool_calls ORDER BY message_seq"
    calls = rows(folder / "overnight.db", began)
    assert [call[1:] for call in calls] == [("find_order", 1), ("check_stock", 1), ("refund", 2)]
    assert calls[-1][0] == key


def start(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """In a folder of its own, with nothing of ours set around it."""
    script = folder / f"{NAME}.py"
    shutil.copy(ROOT / f"examples/{NAME}.py", script)
    env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.Popen(
        [sys.executable, script, *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def wait_for_words(process: "subprocess.Popen[bytes]", words: bytes) -> None:
    assert process.stdout is not None
    said = b""
    while words not in said:
        more = os.read(process.stdout.fileno(), 65_536)
        assert more, said.decode()
        said += more


def end(process: "subprocess.Popen[bytes]", code: int) -> str:
    said = process.communicate(timeout=PATIENCE)[0].decode()
    assert process.returncode == code, said
    return said


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def kill_the_worker(folder: Path) -> None:
    record = Record.read(folder)
    assert record is not None
    (worker,) = (child for child in record.children if child.name == "worker1")
    os.kill(worker.pid, signal.SIGKILL)
