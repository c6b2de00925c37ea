"""Sessions, a pool and Claude's limits on one clock of their own: what a minute does is known in a moment."""

import heapq
from dataclasses import dataclass, field

from ops.simulator.errors import Refused
from ops.simulator.limits import Limits
from worker.governor import headers
from worker.governor.asking import Wish
from worker.governor.pool import Pool


@dataclass
class World:
    """Every session asks, waits as it is told (and somewhat longer), and asks again as long as the world turns."""

    limits: dict[str, int | None]
    tokens_in: int = 100
    tokens_out: int = 50
    answer: float = 0.2  # until the headers come
    late: float = 0.5  # at most, after the time that a session was told
    now: float = 1_000.0
    storm_until: float = 0.0
    served: list[tuple[float, str]] = field(default_factory=list)
    refused: int = 0
    overloaded: int = 0

    def __post_init__(self) -> None:
        self.claude = Limits(self.limits, lambda: self.now)
        self.pool = Pool(self.now)
        self._events: list[tuple[float, int, str, str]] = []
        self._count = 0
        self._sent: dict[str, float] = {}
        self.wishes: dict[str, Wish] = {}

    def come(self, session_id: str, tenant: str = "t", *, is_background: bool = False) -> None:
        means = self.pool.means
        amounts = (1.0, means[1] or 1.0, means[2] or 400.0)
        self.wishes[session_id] = Wish(session_id, tenant, is_background, amounts)
        self._at(self.now, session_id, "ask")

    def run(self, seconds: float) -> None:
        ends = self.now + seconds
        while self._events and self._events[0][0] <= ends:
            self.now, _, session_id, what = heapq.heappop(self._events)
            getattr(self, f"_{what}")(session_id)
        self.now = ends

    def _at(self, when: float, session_id: str, what: str) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, session_id, what))

    def _ask(self, session_id: str) -> None:
        answer = self.pool.reserve(self.now, self.wishes[session_id])
        if answer.delay is not None:
            late = self.late * (hash((session_id, self._count)) % 100) / 100
            return self._at(self.now + answer.delay + late, session_id, "ask")
        self.pool.settle(self.now, "", (answer.more, answer.more * answer.each[1], answer.more * answer.each[2]), None)
        self._sent[session_id] = self.now
        return self._at(self.now + self.answer, session_id, "arrive")

    def _arrive(self, session_id: str) -> None:
        wish, sent = self.wishes[session_id], self._sent[session_id]
        back = (0.0, wish.amounts[1] - self.tokens_in, wish.amounts[2] - self.tokens_out)
        try:
            if self.now < self.storm_until:
                raise Refused(529)
            self.claude.take(self.tokens_in)
        except Refused as refusal:
            self._count_refusal(refusal.status)
            overload = refusal.status == 529
            self.pool.close(self.now, session_id, sent, refusal.retry_after, self._seen(), is_overload=overload)
            self.pool.settle(self.now, session_id, (0.0, *wish.amounts[1:]), None)
            return self._at(self.now + 1.0, session_id, "ask")
        self.pool.admit(self.now, session_id, self._seen())
        self.claude.spend(self.tokens_out)
        self.pool.settle(self.now, session_id, back, (1.0, self.tokens_in, self.tokens_out))
        self.served.append((self.now, session_id))
        return self.come(session_id, wish.tenant, is_background=wish.is_background)

    def _count_refusal(self, status: int) -> None:
        if status == 429:
            self.refused += 1
        else:
            self.overloaded += 1

    def _seen(self) -> headers.Seen:
        return headers.read({name.decode(): value.decode() for name, value in self.claude.headers()})
