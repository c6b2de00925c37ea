"""What callers do to a session in the tests of whole lives, each in a transaction of its own."""

from functools import partial

from overnight.states import Life, Origin
from overnight.store import archiving, forks, packs, pausing, pins, removal, reviving, sessions, snapshots
from tests.store.every_state import cancel, interrupt
from tests.store.life_files import check_file
from tests.store.lives import Lived
from tests.store.portable_scenes import exported
from tests.store.scenes import DEFAULT_WORKSPACE, ledger, session, submit

CALLERS = (
    *("submit", "cancel", "interrupt", "pause", "pause", "resume", "resume", "extend", "reset"),
    *("fork", "snapshot", "restore", "export", "revive", "pack", "wish"),
)
ENDS = ("archive", "delete", "erase")
#: Rows of a kind that go at once: few, so that a removal has many moments at which something else may happen.
FEW = 3


class Callers(Lived):
    def _submit(self) -> None:
        self.accepted.append(submit(self.database, self.session_id).task.id)

    def _cancel(self) -> None:
        if self.accepted:
            cancel(self.database, self.accepted[-1])

    def _interrupt(self) -> None:
        interrupt(self.database, self.session_id)

    def _pause(self) -> None:
        self._write(pausing.pause, DEFAULT_WORKSPACE, self.session_id)

    def _resume(self) -> None:
        self._write(pausing.resume, DEFAULT_WORKSPACE, self.session_id)

    def _extend(self) -> None:
        self._write(reviving.extend, DEFAULT_WORKSPACE, self.session_id, 60.0)

    def _reset(self) -> None:
        before = self._row()
        self._write(pins.reset, DEFAULT_WORKSPACE, self.session_id)
        now = self._row()
        assert now.life == Life.DELETED or (now.context > before.context and now.context_from >= before.ledger_seq)

    def _fork(self) -> None:
        self._keep(self._write(partial(forks.fork, idle_check=0), DEFAULT_WORKSPACE, self.session_id))

    def _snapshot(self) -> None:
        name = str(len(self.snapshots))
        self.snapshots.append(self._write(snapshots.take, DEFAULT_WORKSPACE, self.session_id, name).id)

    def _restore(self) -> None:
        """The last one."""
        if not self.snapshots:
            return
        with self.database.read() as connection:
            wanted = snapshots.get(connection, DEFAULT_WORKSPACE, self.session_id, self.snapshots[-1])
        back = partial(snapshots.restore, idle_check=0)
        new_id = self._write(back, DEFAULT_WORKSPACE, self.session_id, wanted.id, {})
        made = session(self.database, new_id)
        assert (made.ledger_seq, made.context, made.forked_at) == (wanted.at, wanted.context, wanted.at)
        self._keep(new_id)

    def _export(self) -> None:
        """A file of this very moment: what it has is what the session has, which may have gone on since."""
        file = exported(self.database, self.session_id)
        check_file(self.database, file)
        if self._row().life == Life.DELETED:
            return
        rows = self._said()[: len(file["messages"])]
        assert [(row.seq, row.task_id, row.content) for row in rows] == [
            (row["seq"], row["task_id"], row["content"]) for row in file["messages"]
        ] or self.is_going
        known = [task.id for task in self._tasks()]
        assert [row["id"] for row in file["tasks"]] == known[: len(file["tasks"])] or self.is_going

    def _revive(self) -> None:
        self._write(partial(reviving.revive, idle_check=0), DEFAULT_WORKSPACE, self.session_id, Origin.FULL)

    def _pack(self) -> None:
        self._write(packs.pack_some, self.session_id, FEW)

    def _archive(self) -> None:
        self._write(sessions.archive, DEFAULT_WORKSPACE, self.session_id)

    def _wish(self) -> None:
        """To be archived by its owner, with a summary."""
        self._write(archiving.archive_with_summary, DEFAULT_WORKSPACE, self.session_id)

    def _delete(self) -> None:
        self._write(sessions.delete, DEFAULT_WORKSPACE, self.session_id)

    def _erase(self) -> None:
        self._delete()
        self._purge()

    def _purge(self) -> bool:
        """A batch of its rows, as soon as it is deleted."""
        if self._row().life != Life.DELETED:
            return False
        self.is_going = True
        return bool(self._write(removal.purge, self.session_id, FEW))

    def _keep(self, fork_id: str) -> None:
        copied = [(row.seq, row.task_id) for row in ledger(self.database, fork_id)]
        assert self.is_going or copied == [(row.seq, row.task_id) for row in self._said()][: len(copied)]
        assert session(self.database, fork_id).ledger_seq == len(copied)
        self.forks[fork_id] = len(copied)
