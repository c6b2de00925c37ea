"""Strings and times from outside: what cannot be stored or sent on is refused where it comes in, by field."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
YEARS = range(1970, 9000)


class Strict(BaseModel):
    """What callers send: an unknown field is refused, never ignored."""

    model_config = ConfigDict(extra="forbid")


def storable(text: str) -> str:
    """Refuses what Postgres or Claude would."""
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not contain NUL characters")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("lone_surrogate", "must not contain lone surrogates; send whole characters")
    return text


def sendable(found: Any) -> Any:
    """What a machine has found, with U+FFFD in the place of what is not storable: nobody could correct it."""
    if isinstance(found, dict):
        return {name: sendable(value) for name, value in found.items()}
    if isinstance(found, list):
        return [sendable(value) for value in found]
    return UNSENDABLE.sub("\ufffd", found) if isinstance(found, str) else found


def spoken(text: str) -> str:
    """Claude refuses text without a word in it."""
    if not text.strip():
        raise PydanticCustomError("blank", "must not be empty")
    return text


def moment(value: Any) -> datetime:
    """A time with its zone; numbers and bare dates would be guesses."""
    try:
        text = value.upper() if isinstance(value, str) else ""
        at = datetime.fromisoformat(text).astimezone(UTC) if RFC_3339.fullmatch(text) else None
    except (ValueError, OverflowError):
        at = None
    if at is None or at.year not in YEARS:
        raise PydanticCustomError("moment", "must be a time with its zone, like 2026-11-20T09:00:00Z")
    return at


Storable = AfterValidator(storable)
Text = Annotated[str, Storable]
Spoken = Annotated[str, Storable, AfterValidator(spoken), Field(json_schema_extra={"minLength": 1, "pattern": r"\S"})]
#: Short enough for every database's index.
Name = Annotated[str, StringConstraints(min_length=1, max_length=255), Storable]
Moment = Annotated[datetime, BeforeValidator(moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64), Storable]
LabelValue = Annotated[str, StringConstraints(max_length=512), Storable]
MOST_LABELS = 16
Metadata = Annotated[dict[Label, LabelValue], Field(max_length=MOST_LABELS)]
#: Null takes a pair away.
MetadataPatch = dict[Label, LabelValue | None]
