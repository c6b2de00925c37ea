"""`--direct`: a turn handed over as the API does it, without HTTP."""

from ops.bench.work import MAX_TOKENS, MODEL, Turn
from overnight.after_commit import AfterCommit
from overnight.models import DEFAULT_WORKSPACE
from overnight.store import sessions, submissions
from overnight.store.database import Database
from overnight.store.sessions import NewSession
from overnight.store.submissions import Accepted, NewTask


class StoreDoor:
    """One transaction, then the wake-up."""

    def __init__(self, at_a_time: int, database_url: str, redis_url: str) -> None:
        self._database = Database(database_url, pool_size=at_a_time)
        self._after_commit = AfterCommit(redis_url)
        self._sessions: dict[str, str] = {}

    def submit(self, turn: Turn) -> None:
        task = self._accept(turn).task
        self._sessions[turn.session] = task.session_id

    def close(self) -> None:
        self._after_commit.close()
        self._database.close()

    def _accept(self, turn: Turn) -> Accepted:
        new = NewTask([{"type": "text", "text": turn.prompt}])
        session_id = self._sessions.get(turn.session)
        with self._database.write() as connection:
            if session_id is None:
                session = NewSession(model=MODEL, max_tokens=MAX_TOKENS)
                accepted = sessions.create(connection, DEFAULT_WORKSPACE, session, [new], idle_check=0)[0]
            else:
                accepted = submissions.submit(connection, DEFAULT_WORKSPACE, session_id, new, max_age=0)
        if accepted.wake:
            self._after_commit.wake(accepted.task.session_id, accepted.task.id)
        return accepted
