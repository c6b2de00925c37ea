"""Client commands start fast because they load only what they need, and launching loads nothing of the other side."""

import subprocess
import sys

import pytest

from tests.cli.support import Shell

HEAVY = (
    "celery",
    "kombu",
    "sqlalchemy",
    "sqlmodel",
    "fastapi",
    "anthropic",
    "pydantic_settings",
    "redis",
    "uvicorn",
    "rich",
)
ASK = """
import sys
from overnight.cli.main import _run
sys.argv = ["overnight", *sys.argv[1:]]
try:
    _run()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def loaded(shell: Shell, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", ASK, *arguments],
        env=shell.env,
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["keys", "--help"], ["agents", "--help"]]
)
def test_help_loads_neither_libraries_nor_a_client(shell: Shell, arguments: list[str]) -> None:
    modules = loaded(shell, *arguments)
    assert "typer" in modules
    assert not modules & {*HEAVY, "httpx2", "api", "worker", "ops"}


@pytest.mark.parametrize("arguments", [["status"], ["sessions", "list"], ["submit", "hello"], ["agents"]])
def test_client_commands_load_an_http_client_and_no_more(client: Shell, arguments: list[str]) -> None:
    modules = loaded(client, *arguments)
    assert "httpx2" in modules
    assert not modules & {*HEAVY, "api", "worker", "ops"}
