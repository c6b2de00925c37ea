"""The program of docs/agent-sdk.md as it stands there, with the SDK's own Claude Code, on two machines."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.simulator.running import RunningSimulator, running_simulator

pytest.importorskip("claude_agent_sdk", reason="it comes with: uv run --extra agent-sdk pytest")

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "agent-sdk.md"


def run(program: str, prompt: str, home: Path, work: Path, simulator: RunningSimulator, database_url: str) -> list[str]:
    """The program in a folder, with a home in which nothing was ever said; gives what it printed."""
    named = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "CLAUDE"))}
    own = {
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "ANTHROPIC_BASE_URL": simulator.url,
        "ANTHROPIC_API_KEY": "sk-test",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "OVERNIGHT_DATABASE_URL": database_url,
    }
    command = [sys.executable, "-c", program, prompt]
    done = subprocess.run(command, cwd=work, env=named | own, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_session_is_resumed_on_a_machine_that_has_only_the_database(database_url: str, tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)
    work = tmp_path / "desk"
    for name in ("one", "other", "desk"):
        (tmp_path / name).mkdir()
    with running_simulator("--latency", "0") as simulator:
        first = run(program, "Say hello.", tmp_path / "one", work, simulator, database_url)[-1].split()
        again = run(program, "And again.", tmp_path / "other", work, simulator, database_url)[-1]
        asked = str(simulator.requests())
    assert again.startswith(f"{first[0]} ")
    assert 'You wrote: "And again."' in again
    assert "The conversation so far has 4 messages" in again
    assert asked.count("Say hello.") >= 2, "what was said on the other machine was sent again"
