"""A worker's default name: never shared, and the same again after a death."""

import subprocess
import sys
from pathlib import Path

from tests.cli.support import Shell

TAKE = """
import sys
from overnight.cli.node_name import own_node_name
print(own_node_name(), flush=True)
sys.stdin.read()
"""


def taken(shell: Shell) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=shell.env
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_names_are_not_shared_and_come_back(tmp_path: Path) -> None:
    shell = Shell(tmp_path, TMPDIR=str(tmp_path))
    (first, one), (second, two) = taken(shell), taken(shell)
    first.kill()
    first.communicate()
    third, again = taken(shell)
    for process in (second, third):
        process.communicate()
    assert (one, two, again) == ("worker1", "worker2", "worker1")
