"""The vendor's own API tests, from the SDK's source distribution, against Overnight.

`vendor/expected.toml` says why a test does not pass. It is an error if one of those passes, or another fails.
"""

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.api.support import Api, RedisServer
from tests.conformance.vendor import sdist
from tests.conformance.vendor.seeds import plant
from tests.servers import temporary_folder

HERE = Path(__file__).parent / "vendor"
SUITES = [
    *("test_agents.py", "agents", "test_sessions.py", "sessions", "test_environments.py", "environments"),
]
PYTEST = ["--no-header", "-q", "-p", "fresh_seeds", "-o", "addopts=", "-o", "filterwarnings=", "--tb=line"]


def test_the_vendors_tests_pass_or_say_why_not(tmp_path: Path, sqlite_template: Path) -> None:
    try:
        source = sdist.unpacked()
    except sdist.NoNetwork as error:
        pytest.skip(f"the SDK's source distribution cannot be downloaded: {error}")
    path = Path(shutil.copy(sqlite_template, tmp_path / "vendor.db"))
    with temporary_folder() as folder, Api(f"sqlite:///{path}", (redis := RedisServer(folder)).url) as api:
        try:
            outcomes = run(source, path, plant(path, api), api.url)
        finally:
            redis.close()
    expected = {
        name: reason
        for reason, names in tomllib.loads((HERE / "expected.toml").read_text())["reasons"].items()
        for name in names
    }
    assert len(outcomes) > 400
    found = surprises(outcomes, expected)
    assert not found, "\n".join(found)


def run(source: Path, database: Path, seeds: Path, url: str) -> dict[str, str]:
    """Each test's outcome, or what it failed with."""
    report = database.with_name("report.json")
    told = {"VENDOR_DATABASE": str(database), "VENDOR_SEEDS": str(seeds), "VENDOR_REPORT": str(report)}
    env = {**os.environ, **told, "TEST_API_BASE_URL": url, "PYTHONPATH": str(HERE)}
    env.pop("VIRTUAL_ENV", None)
    with_sdk = ["--with", f"anthropic[aiohttp]=={sdist.VERSION}", "--with-requirements", str(HERE / "requirements.txt")]
    suites = [f"tests/api_resources/beta/{name}" for name in SUITES]
    command = ["uv", "run", "--no-project", "--isolated", *with_sdk, "python", "-m", "pytest", *PYTEST, *suites]
    done = subprocess.run(command, check=False, cwd=source, env=env, capture_output=True, text=True, timeout=900)
    assert report.exists(), f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    found: dict[str, str] = json.loads(report.read_text())
    return found


def surprises(outcomes: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """What is listed and passes, is listed and does not exist, or fails and is not listed."""
    failed = {name(test): why for test, why in outcomes.items() if why not in {"passed", "skipped"}}
    passed = {name(test) for test, why in outcomes.items() if why == "passed"} - set(failed)
    wrong = [f"{test} passes, and is listed with '{expected[test]}'" for test in sorted(passed & set(expected))]
    wrong += [f"{test} does not exist" for test in sorted(set(expected) - passed - set(failed))]
    return wrong + [f"{test} fails: {why}" for test, why in sorted(failed.items()) if test not in expected]


def name(test: str) -> str:
    """`sessions/test_events.py::TestEvents::test_x`, whatever the client."""
    return test.removeprefix("tests/api_resources/beta/").partition("[")[0]
