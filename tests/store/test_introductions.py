"""Whose facts stand in a system prompt: those of the session's user, as they were when it began."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from overnight.models import DEFAULT_WORKSPACE
from overnight.states import ArchiveReason
from overnight.store import forks, pins, session_changes, session_pages, snapshots, succession, users
from overnight.store.database import Database
from tests.store.portable_scenes import OTHER, exported, imported
from tests.store.scenes import new_session, session, submit, take, work_off

Way = Callable[..., str]
NOBODY_S = "Be brief."


def write(database: Database, verb: Callable[..., Any], *values: Any) -> Any:
    with database.write() as connection:
        return verb(connection, *values)


def know(database: Database, user_id: str, workspace: str = DEFAULT_WORKSPACE, **facts: Any) -> None:
    write(database, users.change, workspace, user_id, lambda before: {**before, **facts})


def ann_s(database: Database) -> str:
    """She was introduced when it began, and more is known of her by now."""
    know(database, "ann", name="Ann")
    know(database, "bob", name="Bob")
    session_id = new_session(database, user_id="ann", system=NOBODY_S)
    submit(database, session_id)
    work_off(database, session_id)
    know(database, "ann", plan="gold")
    return session_id


def fork(database: Database, session_id: str, **changes: Any) -> str:
    way = partial(forks.fork, changes=changes, idle_check=0)
    return str(write(database, way, DEFAULT_WORKSPACE, session_id))


def restore(database: Database, session_id: str, **changes: Any) -> str:
    snapshot = write(database, snapshots.take, DEFAULT_WORKSPACE, session_id, "here")
    way = partial(snapshots.restore, idle_check=0)
    return str(write(database, way, DEFAULT_WORKSPACE, session_id, snapshot.id, changes))


def continued(database: Database, session_id: str) -> str:
    way = partial(succession.hand_over, max_age=None, idle_check=0)
    write(database, way, take(database, session_id), ArchiveReason.TOO_LONG, "All was said.", None)
    return str(session(database, session_id).continued_by)


@pytest.mark.parametrize("way", [fork, restore, continued])
def test_what_goes_on_has_its_parents_prompt_byte_for_byte(database: Database, way: Way) -> None:
    session_id = ann_s(database)
    prompt = session(database, session_id).system
    assert "- name: Ann" in str(prompt)
    assert session(database, way(database, session_id)).system == prompt


@pytest.mark.parametrize("way", [fork, restore])
def test_with_another_user_it_tells_of_that_one(database: Database, way: Way) -> None:
    session_id = ann_s(database)
    bob_s = str(session(database, way(database, session_id, user_id="bob")).system)
    assert bob_s.startswith(f"{NOBODY_S}\n")
    assert ("Bob" in bob_s, "Ann" in bob_s, "gold" in bob_s) == (True, False, False)
    unknown = way(database, fork(database, session_id), user_id="eve")
    assert session(database, unknown).system == NOBODY_S


def test_with_no_user_it_tells_of_nobody(database: Database) -> None:
    assert session(database, fork(database, ann_s(database), user_id=None)).system == NOBODY_S


def test_a_session_that_changes_hands_tells_of_its_new_user(database: Database) -> None:
    session_id = ann_s(database)

    def give_to(user_id: str | None) -> str | None:
        def amend(_: Any) -> dict[str, Any]:
            return {"user_id": user_id}

        def tell(_: Any, changes: Any) -> dict[str, Any]:
            return dict(changes)

        write(database, session_changes.change, DEFAULT_WORKSPACE, session_id, amend, tell)
        return session(database, session_id).system

    assert "- name: Bob" in str(give_to("bob"))
    assert "Ann" not in str(session(database, session_id).system)
    assert give_to(None) == NOBODY_S
    write(database, pins.reset, DEFAULT_WORKSPACE, session_id)
    assert session(database, session_id).system == NOBODY_S
    with database.read() as connection:
        assert session_pages.find(connection, DEFAULT_WORKSPACE, session_id).session.user_id is None


def test_a_file_tells_of_whom_it_becomes(database: Database) -> None:
    file = exported(database, ann_s(database))
    know(database, "bob", OTHER, name="Robert")
    assert session(database, imported(database, file)).system == file["session"]["system"]
    theirs = str(session(database, imported(database, file, user_id="bob")).system)
    assert ("Robert" in theirs, "Ann" in theirs) == (True, False)
