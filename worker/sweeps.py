"""The beat's duties, each a question to SQL and its answer. Two beats at once do the same work once."""

from pathlib import Path
from shutil import rmtree

from overnight.store import nodes, sweeps
from overnight.tools.workspaces import workspace_of
from worker.process import Process


def wake_due(process: Process) -> int:
    """Sends a worker to every session that needs one: due tasks, lost wake-ups, dead owners, expiry. Gives how many."""
    with process.database.write() as connection:
        due = sweeps.take_due(connection)
        nodes.report(connection, "beat", "beat", "beat")
    for session_id in due:
        process.after_commit.wake(session_id)
    return len(due)


def purge(process: Process) -> int:
    """Removes what is deleted or past its retention, a bounded batch at a time. Gives how many sessions are gone."""
    with process.database.write() as connection:
        sweeps.forget_idempotency_keys(connection)
        doomed = sweeps.purgeable(connection, process.settings.retention_days)
    gone = 0
    for session_id in doomed:
        with process.database.write() as connection:
            is_gone = sweeps.purge(connection, session_id)
        if is_gone:
            gone += 1
            rmtree(workspace_of(Path(process.settings.data_dir), session_id), ignore_errors=True)
    return gone
