"""What callers ask about what was spent."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from api.paging import ListQuery, TimeQuery
from api.text import Name, Text
from overnight.errors import InvalidRequest
from overnight.periods import Period, start_of
from overnight.store.usage import Filter, GroupBy

#: Days that are summed up where no beginning is named, today included.
DAYS = 30


class UsageQuery(TimeQuery):
    """Without `created_at[gte]`: the last 30 days."""

    group_by: list[GroupBy] = Field(default=[], alias="group_by[]", max_length=3)
    model: Name | None = None
    agent_id: Text | None = None
    user_id: Name | None = None
    session_id: Text | None = None
    task_id: Text | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100

    def check(self) -> None:
        """Raises `InvalidRequest`."""
        if len(set(self.group_by)) < len(self.group_by):
            raise InvalidRequest("group_by[]: names the same group twice", field="group_by[]")

    def wanted(self, now: datetime) -> Filter:
        until = self.until or now
        since = self.since or start_of(Period.DAY, until - timedelta(days=DAYS - 1))
        names = ("model", "agent_id", "user_id", "session_id", "task_id")
        return Filter(since, until, {name: value for name in names if (value := getattr(self, name)) is not None})


class CallList(ListQuery):
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
