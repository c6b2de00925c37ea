"""What may be spent, what was, and whether the next request still has room. Pure; money in nano-dollars."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from overnight.periods import Period

#: The share of a budget at which its spenders are warned.
WARN_AT = 0.8


class Level(StrEnum):
    """Whose budget it is."""

    TASK = "task"
    SESSION = "session"
    USER = "user"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """None: no limit of this kind."""

    nanousd: int | None = None
    tokens: int | None = None

    @property
    def exists(self) -> bool:
        return self.nanousd is not None or self.tokens is not None


@dataclass(frozen=True, slots=True)
class Amount:
    """`nanousd` None: nobody knows, as a model without a listed price was or will be used."""

    nanousd: int | None = 0
    tokens: int = 0


class Verdict(Enum):
    ROOM = "room"
    CROWDED = "crowded"  # requests under way may take what is left
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands: `in_flight` is what requests of others under way will probably take."""

    level: Level
    id: str
    ceiling: Ceiling
    spent: Amount
    in_flight: Amount = Amount()
    warned: bool = False
    period: Period = Period.TOTAL
    renews_at: datetime | None = None
    user_id: str | None = None

    @property
    def is_shared(self) -> bool:
        return self.level in {Level.USER, Level.WORKSPACE}

    def judge(self, wish: Amount) -> Verdict:
        """Whether a request may be made that will take `wish`."""
        of_money = _judge(self.ceiling.nanousd, self.spent.nanousd, self.in_flight.nanousd or 0, wish.nanousd)
        of_tokens = _judge(self.ceiling.tokens, self.spent.tokens, self.in_flight.tokens, wish.tokens)
        return next(
            (verdict for verdict in (Verdict.FULL, Verdict.CROWDED) if verdict in {of_money, of_tokens}), Verdict.ROOM
        )

    def is_near(self, wish: Amount) -> bool:
        """Whether `wish` brings it to where its spenders are warned."""
        return _is_near(self.ceiling.nanousd, self.spent.nanousd, wish.nanousd) or _is_near(
            self.ceiling.tokens, self.spent.tokens, wish.tokens
        )


def _judge(limit: int | None, spent: int | None, in_flight: int, wanted: int | None) -> Verdict:
    if limit is None:
        return Verdict.ROOM
    if spent is None or wanted is None or spent >= limit or spent + wanted > limit:
        return Verdict.FULL
    return Verdict.CROWDED if spent + in_flight + wanted > limit else Verdict.ROOM


def _is_near(limit: int | None, spent: int | None, wanted: int | None) -> bool:
    return limit is not None and (spent or 0) + (wanted or 0) >= WARN_AT * limit
