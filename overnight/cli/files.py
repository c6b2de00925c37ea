"""Files that commands write: whole, or not at all."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from overnight.cli.exits import CliError


@contextmanager
def written(path: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file for its owner's eyes that takes its place when all of it is there. Raises CliError."""
    if path is None:
        yield sys.stdout.buffer
        return
    beside = path.with_name(f"{path.name}.part")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
        beside.replace(path)
    except OSError as error:
        raise CliError(f"--output {path}: {error.strerror or error}") from None
    finally:
        beside.unlink(missing_ok=True)
