"""`overnight bench`: that what it prints is there and right, on a fraction of the work; never how fast it was."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops.bench.contender import Ledgers, Line
from ops.bench.journal import Call
from ops.bench.verify import Calls, violations
from ops.bench.work import Turn, Work
from tests.servers import temporary_folder

PATIENCE = 600
WORK = Work("w", sessions=2, turns=3)
FIRST = WORK.session_names[0]


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as folder:
        folder.chmod(0o755)  # under root, Postgres runs as another user
        yield folder


def test_every_turn_is_done_once_and_the_table_says_what_it_took(folder: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    options = [
        "--only",
        "w2,w3",
        "--scale",
        "0.05",
        "--runs",
        "1",
        "--workers",
        "1",
        "--slots",
        "8",
        "--json",
        str(figures),
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "overnight.cli.main", "bench", *options],
        env={
            **os.environ,
            "TMPDIR": str(folder),
            "OVERNIGHT_MAX_BODY_BYTES": "1",
            "ANTHROPIC_API_KEY": "not-passed-on",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    measured = json.loads(figures.read_text())["measured"]
    assert [(run["work"]["name"], run["contender"]) for run in measured] == [
        ("w2", "overnight"),
        ("w3", "overnight"),
        ("w2", "bare script"),
        ("w3", "bare script"),
    ]
    for run in measured:
        assert_is_plausible(run)
    for words in ("W2: 10 sessions x 5 turns", "throughput, turns/s", "≥ 280", "W3: at idle, 5 turns", "≤ 10", "≤ 25"):
        assert words in done.stdout
    assert done.stdout.count("reached") == 3
    assert_nothing_is_left(folder)


def assert_is_plausible(run: dict[str, Any]) -> None:
    assert run["violations"] == {}
    parts = {"workers", "api", "beat", "redis"} if run["contender"] == "overnight" else {"script"}
    assert run["usage"]["cpu"].keys() == parts | {"postgres", "submitter"}
    assert sum(run["usage"]["cpu"].values()) > 0
    assert run["usage"]["rss_sum"] >= run["usage"]["rss_largest"] > 10
    assert run["accept"]["p50"] > 0
    assert 0 < run["wake"]["p50"] < run["turn"]["p50"] <= run["turn"]["p99"] <= run["wall"]


def assert_nothing_is_left(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} <= {".lockfile"}  # which the wheel with Postgres keeps
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if any(str(folder) in word for word in line)] == []


@pytest.mark.parametrize(
    "option", [("--only", "w4"), ("--runs", "0"), ("--scale", "fast"), ("--slots", "1")], ids=lambda pair: pair[0]
)
def test_a_bad_option_is_named(option: tuple[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ops.bench", *option],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert option[0] in done.stderr.splitlines()[-1]


def right() -> tuple[Ledgers, Calls]:
    """What a contender without fault would leave."""
    ledgers: Ledgers = {}
    calls: Calls = {}
    for session in WORK.session_names:
        for number in range(1, WORK.turns + 1):
            turn = Turn(session, number)
            exchange = [Line("user", turn.prompt, number), Line("assistant", f"You wrote: {turn.prompt}", number + 0.5)]
            ledgers.setdefault(session, []).extend(exchange)
            calls[turn] = [Call(turn, 2 * number - 1, received=number, answered=number + 0.4, outcome="ok")]
    return ledgers, calls


def test_a_right_answer_is_found_right() -> None:
    assert violations(WORK, *right()) == {}


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ([0, 1, 2, 3], {"lost": 1}),
        ([0, 1, 2, 3, 4], {"lost": 1}),
        ([], {"lost": 3}),
        ([0, 1, 2, 3, 2, 3, 4, 5], {"doubled": 1, "out of order": 1}),
        ([0, 1, 4, 5, 2, 3], {"out of order": 1}),
        ([0, 3, 2, 1, 4, 5], {"wrong reply": 2}),
    ],
)
def test_a_wrong_ledger_is_found(order: list[int], found: dict[str, int]) -> None:
    ledgers, calls = right()
    ledgers[FIRST] = [ledgers[FIRST][place] for place in order]
    assert violations(WORK, ledgers, calls) == found


def test_a_ledger_that_does_not_alternate_is_found() -> None:
    ledgers, calls = right()
    ledgers[FIRST][1] = replace(ledgers[FIRST][1], role="user")
    assert violations(WORK, ledgers, calls) == {"not alternating": 1}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"messages": 1}, {"history": 1}),
        ({"outcome": "http_529"}, {"call failed": 1}),
        ({"received": 1.2}, {"two at once": 1}),
    ],
)
def test_a_wrong_call_is_found(change: dict[str, Any], found: dict[str, int]) -> None:
    ledgers, calls = right()
    second = calls[Turn(FIRST, 2)]
    second[0] = replace(second[0], **change)
    assert violations(WORK, ledgers, calls) == found


def test_a_turn_asked_for_again_or_never_is_found() -> None:
    ledgers, calls = right()
    second = calls[Turn(FIRST, 2)]
    second.append(replace(second[0], received=2.45, answered=2.49))
    del calls[Turn(FIRST, 3)]
    assert violations(WORK, ledgers, calls) == {"asked again": 1, "never asked": 1}
