"""One family's limits as one process knows them: what the Lua scripts do in Redis, line for line.

All times are seconds on the caller's clock, which is given with every call.
"""

from dataclasses import dataclass, field

from worker.governor.asking import Answer, Wish
from worker.governor.gate import Gate
from worker.governor.headers import Amounts, Seen
from worker.governor.line import Line

#: The share of a minute's limit that may be used at once; the rest is a margin, which costs no throughput.
BURST = 0.9
#: How long a request may go without an answer before its worker is taken for dead.
FLIGHT = 120.0
#: Weight of the latest request in the running means.
LEARNING = 0.1
#: Grants that are handed out ahead when limits are far: at most so many, and this share of a minute's requests.
AHEAD, AHEAD_SHARE = 16, 0.02
SOONEST = 0.05
#: Who waits for long looks every so many seconds whether things have changed; of many, so many look a second.
LOOK, LOOKS = 15.0, 20


@dataclass(slots=True)
class Pool:
    at: float
    gate: Gate = field(default_factory=Gate)
    line: Line = field(default_factory=Line)
    limits: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # 0: not known, so not limited
    free: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    means: list[float] = field(default_factory=lambda: [1.0, 0.0, 0.0])
    flights: dict[str, float] = field(default_factory=dict)  # granted and not yet admitted: session -> until

    def reserve(self, now: float, wish: Wish) -> Answer:
        """Charges what is wished for, or says when to come again."""
        self._refill(now)
        self._forget(now)
        place, ahead = self.line.place(wish)
        gate = self.gate.delay(now, len(self.flights), ahead)
        wait = max(0.0, self._wait(wish.amounts, ahead))
        if gate or wait > 0:
            delay = min(max(gate, wait, SOONEST), max(LOOK, len(self.line.places) / LOOKS))
            self.line.stand(wish, place, until=now + delay)
            return Answer(now, delay)
        self.line.leave(wish, place)
        self._charge(wish.amounts)
        self.flights[wish.session_id] = now + FLIGHT
        each = (1.0, self.means[1], self.means[2])
        more = self._far()
        self._charge((more * each[0], more * each[1], more * each[2]))
        return Answer(now, None, each, more)

    def admit(self, now: float, session_id: str, seen: Seen) -> None:
        """Claude has taken the request, and said what is left."""
        self._refill(now)
        self.flights.pop(session_id, None)
        self.gate.admitted()
        self._observe(seen)

    def settle(self, now: float, session_id: str, back: Amounts, used: Amounts | None) -> None:
        """Gives `back` what was charged too much (or takes more); `used` is what a whole request came to."""
        self._refill(now)
        self.flights.pop(session_id, None)
        for d in range(3):
            if self.limits[d]:
                self.free[d] = min(self.free[d] + back[d], BURST * self.limits[d])
            if used is not None and d > 0:
                old = self.means[d]
                self.means[d] = used[d] if old == 0 else old + LEARNING * (used[d] - old)

    def close(
        self, now: float, session_id: str, sent_at: float, pause: float | None, seen: Seen, *, is_overload: bool
    ) -> None:
        """Claude has refused the request: nobody asks before `pause` is over, or longer each time without one."""
        self._refill(now)
        self.flights.pop(session_id, None)
        self._observe(seen)
        delay = self.gate.close(now, sent_at, pause, is_overload=is_overload)
        if not is_overload and self.limits[0]:
            self.free[0] = min(self.free[0], 1 - self.limits[0] / 60 * delay)

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self.at)
        self.at = max(now, self.at)
        for d, limit in enumerate(self.limits):
            self.free[d] = min(self.free[d] + limit / 60 * passed, BURST * limit)

    def _forget(self, now: float) -> None:
        self.line.forget(now)
        for session_id in [name for name, until in self.flights.items() if until <= now]:
            del self.flights[session_id]

    def _wait(self, amounts: Amounts, ahead: int) -> float:
        """Seconds until there is enough for this one and for those ahead of it."""
        known = [d for d in range(3) if self.limits[d]]
        waits = (
            (min(amounts[d], BURST * self.limits[d]) + ahead * self.means[d] - self.free[d]) * 60 / self.limits[d]
            for d in known
        )
        return max(waits, default=0.0)

    def _charge(self, amounts: Amounts) -> None:
        for d in range(3):
            self.free[d] -= amounts[d] if self.limits[d] else 0.0

    def _far(self) -> int:
        """How many more such requests may be granted at once because limits are far."""
        if self.gate.window or self.line.places:
            return 0
        if any(limit and free < limit / 2 for limit, free in zip(self.limits, self.free, strict=True)):
            return 0
        most = AHEAD_SHARE * self.limits[0] if self.limits[0] else AHEAD
        return int(min(AHEAD, most))

    def _observe(self, seen: Seen) -> None:
        for d in range(3):
            limit, left = seen.limits[d], seen.left[d]
            if limit:
                if not self.limits[d]:
                    self.free[d] = BURST * limit
                self.limits[d] = limit
            if left is not None and self.limits[d]:
                self.free[d] = min(self.free[d], BURST * self.limits[d], left - len(self.flights) * self.means[d])
