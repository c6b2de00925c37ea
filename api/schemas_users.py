"""What callers send about users, how long things are kept, and what was removed."""

import json
from typing import Annotated, Any

from pydantic import Field

from api.json_value import Sound
from api.paging import ListQuery
from api.text import Label, Name, Strict
from overnight.errors import InvalidRequest

#: Facts are sent with every request, so there is an end to them.
MOST_FACTS, MOST_CHARACTERS = 100, 16_000

Fact = Annotated[Sound, Field(description="Short text, or any JSON")]
Profile = Annotated[dict[Label, Fact], Field(max_length=MOST_FACTS)]
ProfilePatch = Annotated[dict[Label, Fact], Field(max_length=MOST_FACTS)]
Days = Annotated[float, Field(strict=True, ge=0, le=36_500, allow_inf_nan=False)]


class UserChange(Strict):
    """Facts by name: what is left out stays, and null takes one away."""

    profile: ProfilePatch = Field(default_factory=dict)

    def amended(self, before: dict[str, Any]) -> dict[str, Any]:
        """Raises `InvalidRequest` where it becomes too much."""
        after = {name: value for name, value in {**before, **self.profile}.items() if value is not None}
        characters = len(json.dumps(after, ensure_ascii=False))
        if len(after) > MOST_FACTS or characters > MOST_CHARACTERS:
            raise InvalidRequest(
                f"profile: would have {len(after)} facts of {characters} characters; at most {MOST_FACTS} of "
                f"{MOST_CHARACTERS} are sent with each request: take some away with null",
                field="profile",
            )
        return after


class UserList(ListQuery):
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class RetentionChange(Strict):
    """Days: what is left out stays; null is as the settings say, zero for ever, but of `deleted` not at all."""

    idle_days: Days | None = None
    archived_days: Days | None = None
    deleted_days: Days | None = None
    transcript_days: Days | None = None


class AuditList(ListQuery):
    subject_id: Name | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
