"""What importing does in its transaction: all of a file, or nothing."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from api import render, render_users
from api.idempotent import Outcome
from api.parts import idle_check
from api.schemas_portable import SessionFile, Transcript, UserFile
from api.schemas_users import UserChange
from overnight.keeping_models import Transcript as Row
from overnight.settings import Settings
from overnight.store import imports, session_pages, transcripts, users
from overnight.store.idempotency import Answer
from overnight.store.transcripts import Entry, Fold, Key


def session(connection: Connection, workspace_id: str, file: SessionFile, settings: Settings) -> Outcome:
    """A new session with fresh ids."""
    session_id = imports.session(connection, workspace_id, file.document(settings), idle_check=idle_check(settings))
    made = session_pages.find(connection, workspace_id, session_id)
    return Outcome(session_id, Answer(200, render.session(made, settings)))


def user(connection: Connection, workspace_id: str, user_id: str, file: UserFile, settings: Settings) -> Outcome:
    """Facts, new sessions, and of transcripts what is not there yet."""
    change = UserChange(profile=file.user.profile)
    users.change(connection, workspace_id, user_id, change.amended)
    check = idle_check(settings)
    made = [
        imports.session(
            connection, workspace_id, each.document(settings, f"sessions.{place}."), idle_check=check, user_id=user_id
        )
        for place, each in enumerate(file.sessions)
    ]
    for said in file.transcripts:
        key = Key(workspace_id, said.project_key, said.session_id, said.subpath)
        transcripts.append(connection, key, user_id, said.entries, _summary_of(said))
    known = users.find(connection, workspace_id, user_id)
    told = {"imported_sessions": made, "imported_transcripts": len(file.transcripts)}
    return Outcome(None, Answer(200, render_users.user(known) | told))


def _summary_of(said: Transcript) -> Fold:
    """The SDK's is opaque: one that is here already stays."""

    def fold(row: Row, entries: Sequence[Entry]) -> dict[str, Any]:
        return row.summary or said.summary or {}

    return fold
