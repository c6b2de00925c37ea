"""What an agent is told when its conversation goes on after a long pause."""

from datetime import datetime, timedelta

from overnight.history.blocks import Block

LONG = timedelta(hours=6)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def notice(last: datetime | None, now: datetime) -> list[Block]:
    """A text to stand before the next prompt; none after a short pause. It enters the ledger with the prompt."""
    if last is None or now - last < LONG:
        return []
    said = f"({spelled(now - last)} have passed since the last message. It is now {now:%Y-%m-%d %H:%M} UTC.)"
    return [{"type": "text", "text": said}]


def spelled(span: timedelta) -> str:
    """In its largest unit, and the next where that matters: "3 days and 4 hours"."""
    days, rest = divmod(span, DAY)
    parts = [(days, "day"), (rest // HOUR if days < 7 else 0, "hour")]
    return " and ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)
