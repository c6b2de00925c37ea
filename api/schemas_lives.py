"""What callers send about a session as a whole: forks, snapshots, comparisons."""

from typing import Annotated, Any

from pydantic import Field, StrictInt

from api.paging import ListQuery
from api.text import Metadata, Name, Strict, Text

#: Columns by their names on the wire.
COLUMNS = {"metadata": "labels"}
Seq = Annotated[StrictInt, Field(ge=1, le=2**63 - 1)]


class Branch(Strict):
    """What a fork has of its own; what is left out is its parent's. A context key is never inherited."""

    title: Text | None = None
    notes: Text | None = None
    metadata: Metadata = Field(default_factory=dict)
    user_id: Name | None = None
    context_key: Name | None = None

    def changes(self) -> dict[str, Any]:
        """By column."""
        said = self.model_fields_set & Branch.model_fields.keys()
        return {COLUMNS.get(name, name): getattr(self, name) for name in said}


class ForkRequest(Branch):
    at: Annotated[
        Seq | Text | None,
        Field(description="A message's seq, or an event's id: what the ledger held then. Left out: all of it"),
    ] = None


class SnapshotRequest(Strict):
    name: Name


class SnapshotList(ListQuery):
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class CompareQuery(Strict):
    other: Annotated[
        Text | None, Field(alias="with", description="A snapshot or a session; left out: its own session, as it is now")
    ] = None
    beta: str | None = Field(default=None, json_schema_extra={"deprecated": True})
