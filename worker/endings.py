"""What workspaces say of how their sessions end: known a second later than SQL, so that no turn need look."""

from collections.abc import Mapping
from typing import Any


class Endings:
    """Read from any thread, told by the keeper."""

    def __init__(self) -> None:
        self._said: Mapping[str, Mapping[str, Any]] = {}

    def of(self, workspace_id: str) -> Mapping[str, Any] | None:
        return self._said.get(workspace_id)

    def learn(self, said: Mapping[str, Mapping[str, Any]]) -> None:
        self._said = said
