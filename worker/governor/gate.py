"""Whether anybody may ask at all: closed after a refusal, then opened bit by bit."""

from dataclasses import dataclass

#: How many may be under way at once: when nothing is known, after too many requests, after an overload.
AT_FIRST, AFTER_LIMIT, AFTER_OVERLOAD = 16, 4, 1
#: From so many on, the gate stands open.
OPEN = 64
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
#: Whatever Claude says when it is overloaded, it is asked again after so long: that costs one request.
LONGEST_OVERLOAD = 60.0
#: While the gate opens, those in line are told to come so far apart, and at most so many of them.
APART, MOST_APART = 0.05, 100
#: How long those wait for whom the window has no room.
ANSWER = 0.5


@dataclass(slots=True)
class Gate:
    """`window` bounds how many are under way; 0 stands open."""

    window: int = AT_FIRST
    closed_at: float = 0.0
    closed_until: float = 0.0
    strikes: int = 0

    def delay(self, now: float, flights: int, ahead: int) -> float:
        """Seconds; 0 lets through."""
        spread = min(ahead, MOST_APART) * APART
        if now < self.closed_until:
            return self.closed_until - now + spread
        return ANSWER + spread if self.window and flights >= self.window else 0.0

    def admitted(self) -> None:
        self.window *= 2
        if self.window >= OPEN:
            self.window = self.strikes = 0

    def close(self, now: float, sent_at: float, pause: float | None, *, is_overload: bool) -> float:
        """Gives for how many seconds it is closed from now."""
        if sent_at >= self.closed_at:  # not one of many that went out together and were refused together
            self.strikes += 1
            self.closed_at = now
            self.window = AFTER_OVERLOAD if is_overload else AFTER_LIMIT
            growing = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.strikes - 1, 10))
            pause = growing if pause is None else pause
        if pause is not None and is_overload:
            pause = min(pause, LONGEST_OVERLOAD)
        self.closed_until = max(self.closed_until, now + (pause or 0.0))
        return self.closed_until - now
