from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.support import Shell, Started
from tests.servers import temporary_folder


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """In an empty folder: nothing runs, nothing is set."""
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def stack() -> Iterator[tuple[Shell, Started]]:
    """`overnight up`, complete, for all tests that harm nothing; the shell's data directory is its own."""
    with temporary_folder() as folder:
        shell = Shell(folder, OVERNIGHT_FLOWER_PORT="0", OVERNIGHT_LOG_LEVEL="WARNING")
        with shell.start("up", "--port", "0", "--concurrency", "20") as up:
            up.wait_until_it_says("Ctrl-C drains and stops")
            yield shell, up


@pytest.fixture
def client(stack: tuple[Shell, Started]) -> Shell:
    """A shell beside a stack that runs."""
    shell, up = stack
    assert up.process.poll() is None, f"the stack has ended:\n{up.out}\n{up.err}"
    return shell
