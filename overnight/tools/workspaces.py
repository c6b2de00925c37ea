"""Where a session's files are."""

import re
from pathlib import Path

SESSION_ID = re.compile(r"[A-Za-z0-9_-]+")


def workspace_of(data_dir: Path, session_id: str) -> Path:
    """The folder that belongs to one session on this machine; it may not exist yet."""
    if not SESSION_ID.fullmatch(session_id):
        raise ValueError(f"not a session's id: {session_id!r}")
    return folders(data_dir) / session_id


def folders(data_dir: Path) -> Path:
    """Where all of them are."""
    return data_dir.resolve() / "workspaces"
