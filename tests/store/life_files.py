"""That the file of a session shows one moment of it, and makes an equal session elsewhere."""

from typing import Any

from api.schemas_portable import SessionFile
from overnight.states import FINAL, TaskStatus
from overnight.store.database import Database
from tests.store.portable_scenes import FRESH, OTHER, SETTINGS, exported, imported, without_ids

Json = dict[str, Any]


def check_file(database: Database, file: Json) -> None:
    SessionFile.model_validate(file).document(SETTINGS).check()
    done = [row["id"] for row in file["tasks"] if row["status"] == TaskStatus.SUCCEEDED]
    assert [row["task_id"] for row in file["messages"]] == [task_id for task_id in done for _ in range(2)]
    assert file["events"][-1]["seq"] == file["session"]["event_seq"]
    _check_copy(file, exported(database, imported(database, file), OTHER))


def _check_copy(file: Json, again: Json) -> None:
    """What was not finished was cancelled on the way, and is told of at the end; all else is as it was."""
    assert again["events"].pop()["type"] == "session.imported"
    one, other = without_ids(file), without_ids(again)
    ended = [place for place, row in enumerate(one["tasks"]) if row["status"] in FINAL]
    assert {row["status"] for place, row in enumerate(other["tasks"]) if place not in ended} <= {"cancelled"}
    assert [one["tasks"][place] for place in ended] == [other["tasks"][place] for place in ended]
    for section in one.keys() - {"tasks"}:
        assert one[section] == other[section], section
    assert _lasting(file) == _lasting(again)


def _lasting(file: Json) -> Json:
    return {name: value for name, value in file["session"].items() if name not in FRESH}
