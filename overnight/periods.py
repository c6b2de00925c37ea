"""The periods of budgets: for ever, or a calendar day or month in UTC. Pure."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Period(StrEnum):
    TOTAL = "total"
    DAY = "day"
    MONTH = "month"


def start_of(period: Period, at: datetime) -> datetime:
    """When the period began in which `at` lies."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case Period.DAY:
            return midnight
        case Period.MONTH:
            return midnight.replace(day=1)
    return EVER


def end_of(period: Period, at: datetime) -> datetime | None:
    """When the next one begins; None: never."""
    match period:
        case Period.DAY:
            return start_of(period, at) + timedelta(days=1)
        case Period.MONTH:
            return start_of(period, start_of(period, at) + timedelta(days=31))
    return None
