"""Folders of sessions that were deleted: whoever removes their rows clears his own machine, the others find out."""

import os
from pathlib import Path
from shutil import rmtree

from overnight.states import Removal
from overnight.store import tombstones
from overnight.tools.workspaces import folders
from worker.process import Process

#: Names in one question.
BATCH = 500


def tidy(process: Process) -> int:
    """Removes the folders of this machine whose sessions have a tombstone; an unknown one stays. Gives how many."""
    folder = folders(Path(process.settings.data_dir))
    names = sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
    removed = 0
    for begin in range(0, len(names), BATCH):
        with process.database.read() as connection:
            gone = tombstones.removed(connection, Removal.SESSION, names[begin : begin + BATCH])
        for name in gone:
            rmtree(folder / name, ignore_errors=True)
        removed += len(gone)
    return removed
