"""Files and directories that only their owner can read."""

import os
from contextlib import suppress
from pathlib import Path

from overnight.stack.errors import DirectoryUnusable


def write_private(path: Path, text: str) -> None:
    """Replaces the file as a whole (mode 0600): a reader sees the old text or the new, never half."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def private_directory(path: Path) -> Path:
    """Makes the directory (mode 0700) where it is missing; one that holds files already keeps its mode."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(path.iterdir()):
            with suppress(PermissionError):  # given to us by another owner, as a container's volume is
                path.chmod(0o700)
    except OSError as error:
        raise unusable(path, error) from error
    return path


def unusable(path: Path, error: OSError) -> DirectoryUnusable:
    return DirectoryUnusable(
        f"cannot use the data directory {path}: {error.strerror}; set OVERNIGHT_DATA_DIR to another"
    )
