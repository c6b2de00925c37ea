"""A worker's default name: the first of worker1, worker2, … that no worker of this user on this host has taken.

The kernel frees a name when its holder dies, so a worker that is restarted gets its name back, and with it frees the
leases of its dead predecessor at once; two at the same time never share one.
"""

import fcntl
import os
import tempfile
from itertools import count
from pathlib import Path

from overnight.cli.exits import CliError

_held: list[int] = []  # open for as long as the process lives


def own_node_name() -> str:
    """Raises CliError where no file can be locked."""
    try:
        directory = _directory()
        return next(name for name in (f"worker{number}" for number in count(1)) if _take(directory / f"{name}.lock"))
    except OSError as error:
        raise CliError(f"cannot reserve a node name ({error}): give one with --name") from error


def _directory() -> Path:
    directory = Path(tempfile.gettempdir()) / f"overnight-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def _take(path: Path) -> bool:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _held.append(file)
    return True
