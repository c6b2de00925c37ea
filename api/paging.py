"""Answers, cursors and time bounds of lists. A cursor is opaque: the place of the last thing shown, in base64url."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from pydantic import Field
from pydantic_core import PydanticCustomError

from api.failures import Json
from api.text import YEARS, Moment, Strict, Text, moment, storable
from overnight.errors import InvalidRequest
from overnight.store.listing import Cursor as Place
from overnight.store.listing import Made

T = TypeVar("T")
Step = datetime | str | int
TICK = timedelta(microseconds=1)
BIGGEST = 2**63 - 1
IDENTITY = re.compile(r"[a-z]+_[0-9A-Za-z]{1,64}")


class ListQuery(Strict):
    """What every list takes. `beta` is what some SDKs put into every address."""

    page: Text | None = None
    beta: str | None = Field(default=None, json_schema_extra={"deprecated": True})


class TimeQuery(ListQuery):
    gt: Moment | None = Field(default=None, alias="created_at[gt]")
    gte: Moment | None = Field(default=None, alias="created_at[gte]")
    lt: Moment | None = Field(default=None, alias="created_at[lt]")
    lte: Moment | None = Field(default=None, alias="created_at[lte]")

    @property
    def since(self) -> datetime | None:
        return earliest(self.gte, self.gt)

    @property
    def until(self) -> datetime | None:
        return latest(self.lte, self.lt)


def earliest(gte: datetime | None, gt: datetime | None) -> datetime | None:
    """Inclusive, as the store wants it."""
    return max((bound for bound in (gte, gt and gt + TICK) if bound), default=None)


def latest(lte: datetime | None, lt: datetime | None) -> datetime | None:
    """The same."""
    return min((bound for bound in (lte, lt and lt - TICK) if bound), default=None)


def cut(rows: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """Of `limit` + 1 rows asked for: those to show, and the last of them if there are more."""
    return (rows[:limit], rows[limit - 1]) if len(rows) > limit else (rows, None)


def listed(rows: Sequence[T], limit: int, show: Callable[[T], Any], place: Callable[[T], tuple[Step, ...]]) -> Json:
    """The answer of a list that leads onwards, of `limit` + 1 rows asked for; `place` is where a row stands in it."""
    shown, last = cut(rows, limit)
    next_page = None if last is None else cursor(*place(last))
    return Json({"data": [show(row) for row in shown], "next_page": next_page})


def made(row: Made) -> Place:
    """Of a row in a list that is ordered by time and id."""
    return row.created_at, row.id


def cursor(*place: Step) -> str:
    steps = [step.isoformat() if isinstance(step, datetime) else step for step in place]
    return base64.urlsafe_b64encode(json.dumps(steps).encode()).decode().rstrip("=")


def place_of(page: str | None) -> Place | None:
    """Of a list ordered by time and id. Raises `InvalidRequest`."""
    match _decoded(page):
        case None:
            return None
        case [str(at), str(identity)] if IDENTITY.fullmatch(identity):
            return _moment(at), identity
    raise _bad_cursor()


def way_of(page: str | None) -> tuple[Place | None, bool]:
    """Of a list that also leads back: the place, and whether to go back from it. Raises `InvalidRequest`."""
    match _decoded(page):
        case [str(at), str(identity), "back"] if IDENTITY.fullmatch(identity):
            return (_moment(at), identity), True
    return place_of(page), False


def neighbours(shown: Sequence[Place], *, begun: bool, back: bool, more: bool) -> tuple[str | None, str | None]:
    """The cursors of the pages after and before `shown`. `begun`: it has a cursor itself; `more`: there is, onwards."""
    if not shown:
        return None, None
    after, before = (begun, more) if back else (more, begun)
    return cursor(*shown[-1]) if after else None, cursor(*shown[0], "back") if before else None


def seq_of(page: str | None) -> int | None:
    """Of a numbered record. Raises `InvalidRequest`."""
    match _decoded(page):
        case None:
            return None
        case [int(seq)] if 0 <= seq <= BIGGEST:
            return seq
    raise _bad_cursor()


def key_of(page: str | None, groups: Sequence[str]) -> list[str] | None:
    """Of a list of groups: the key of the last one. Raises `InvalidRequest`."""
    match _decoded(page):
        case None:
            return None
        case [*key] if len(key) == len(groups) and all(isinstance(text, str) for text in key):
            return _checked(key, groups)
    raise _bad_cursor()


def _checked(key: list[str], groups: Sequence[str]) -> list[str]:
    try:
        days = [date.fromisoformat(text) for text, name in zip(key, groups, strict=True) if name == "day"]
        key = [storable(text) for text in key]
    except (ValueError, PydanticCustomError):
        raise _bad_cursor() from None
    if any(day.year not in YEARS for day in days):
        raise _bad_cursor()
    return key


def _decoded(page: str | None) -> Any:
    if page is None:
        return None
    try:
        return json.loads(base64.b64decode(page + "=" * (-len(page) % 4), altchars=b"-_", validate=True)) or 0
    except (binascii.Error, ValueError, RecursionError):
        raise _bad_cursor() from None


def _moment(text: str) -> datetime:
    try:
        return moment(text)
    except ValueError:
        raise _bad_cursor() from None


def _bad_cursor() -> InvalidRequest:
    return InvalidRequest("page: is not a cursor of this list; take it from next_page", field="page")
