"""Files of deleted sessions on a machine that did not remove their rows."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from overnight.models import DEFAULT_WORKSPACE
from overnight.settings import Settings
from overnight.store import removal, sessions
from overnight.store.database import Database
from overnight.tools.workspaces import workspace_of
from tests.store.scenes import new_session
from worker import leftovers, sweeps


def folder_of(data_dir: Path, session_id: str) -> Path:
    folder = workspace_of(data_dir, session_id)
    folder.mkdir(parents=True)
    (folder / "note.txt").write_text("a secret")
    return folder


def test_folders_go_whose_sessions_were_deleted_and_no_others(database: Database, tmp_path: Path) -> None:
    here: Any = SimpleNamespace(database=database, settings=Settings(data_dir=tmp_path), tidy_at=0.0)
    assert leftovers.tidy(here) == 0
    deleted, purged, kept = (new_session(database) for _ in range(3))
    folders = [folder_of(tmp_path, each) for each in (deleted, purged, kept, "sesn_of_another_database")]
    for session_id in (deleted, purged):
        with database.write() as connection:
            sessions.delete(connection, DEFAULT_WORKSPACE, session_id)
    with database.write() as connection:
        while not removal.purge(connection, purged):
            pass
    assert leftovers.tidy(here) == 2
    assert [folder.exists() for folder in folders] == [False, False, True, True]


@pytest.mark.parametrize("batch", [1, 50])
def test_a_round_of_the_sweep_removes_rows_and_files(database: Database, tmp_path: Path, batch: int) -> None:
    here: Any = SimpleNamespace(database=database, settings=Settings(data_dir=tmp_path, retention_days=1), tidy_at=0.0)
    gone = [new_session(database) for _ in range(3)]
    folders = [folder_of(tmp_path, each) for each in gone]
    for session_id in gone:
        with database.write() as connection:
            sessions.delete(connection, DEFAULT_WORKSPACE, session_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeps, "BATCH", batch)
        assert sweeps.purge(cast(Any, here)) == 3
    assert not any(folder.exists() for folder in folders)
    assert sweeps.purge(here) == 0
