"""Whether a session may ask Claude now: asked of Redis, of what was granted ahead, or of this process alone."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import structlog
from redis.exceptions import RedisError

from overnight.pricing import Tokens
from overnight.rate_limits import credential_of
from overnight.settings import Settings
from worker.governor import estimate, headers
from worker.governor.asking import Grant, Refusal, Wish
from worker.governor.background import Background
from worker.governor.credits import Credit, Credits
from worker.governor.families import family_of
from worker.governor.headers import Amounts
from worker.governor.pool import Pool
from worker.governor.shared import Shared

log = structlog.get_logger(__name__)

#: Seconds between two tellings of limits that are far.
TELL_EVERY = 0.2


class Governor:
    """One a process. Every request to Claude is reserved, heard or refused, and settled."""

    def __init__(self, settings: Settings, owner: str) -> None:
        self._shared = Shared(settings.redis_url, credential_of(settings))
        self._background = Background(self._shared, owner, self._expired)
        self._longest = settings.retry_after_cap
        self._pools: dict[str, Pool] = {}  # what this process knows; decides while Redis is away
        self._credits = Credits()
        self._estimates = estimate.Estimates()
        self._told: dict[str, float] = {}  # when Redis last heard of a family's limits
        self._offset = 0.0  # of Redis' clock from ours
        self._lock = threading.Lock()

    def start(self) -> None:
        self._background.start()

    def close(self) -> None:
        with self._lock:
            self._give_back(self._credits.drop())
        self._background.close()

    @property
    def is_alone(self) -> bool:
        """Whether it decides without Redis."""
        return self._background.is_away

    @property
    def workers(self) -> int:
        """How many there were when Redis was last there."""
        return self._background.workers

    def wish(
        self,
        session_id: str,
        model: str,
        max_tokens: int,
        *,
        tenant: str,
        is_background: bool = False,
        new: float = 0.0,
        context: float = 0.0,
    ) -> tuple[str, Wish]:
        """The family that is asked, and what of it: `new` tokens beside the `context` that the session has so far."""
        family = family_of(model)
        with self._lock:
            means = self._pool(family).means
            tokens_in = self._estimates.input(session_id, new, context, means[1], time.time())
            amounts = (1.0, tokens_in, estimate.output(max_tokens, means[2]))
        return family, Wish(session_id, tenant, is_background, amounts)

    def reserve(self, family: str, wish: Wish) -> Grant | Refusal:
        """One round trip, or none. A Redis that does not answer is waited for once, for a moment."""
        if (ahead := self.at_once(family, wish)) is not None:
            return ahead
        if not self._background.is_away:
            try:
                answer = self._shared.reserve(family, wish)
            except (RedisError, OSError) as error:
                self._background.lost(error)
            else:
                if answer.delay is not None:
                    return Refusal(answer.delay)
                with self._lock:
                    now = time.time()
                    self._offset = answer.at - now
                    self._credits.add(family, answer.each, answer.more, now)
                return Grant(wish.session_id, family, wish.amounts, answer.at)
        return self._alone(family, wish)

    def at_once(self, family: str, wish: Wish) -> Grant | None:
        """A grant from memory, if there is one at hand."""
        now = time.time()
        with self._lock:
            credit = self._credits.take(family, wish.amounts, now)
        if credit is None:
            return None
        return Grant(wish.session_id, family, credit.each, now + self._offset, until=credit.until)

    def put_back(self, grant: Grant) -> None:
        """It was not needed after all, and may serve another session."""
        if not grant.until:
            return self.settle(grant, None, unused=True)
        with self._lock:
            self._credits.put_back(Credit(grant.family, grant.amounts, grant.until))
        return None

    def heard(self, grant: Grant, said: Mapping[str, str]) -> None:
        """Claude has taken the request: what its headers say of the limits."""
        seen, now = headers.read(said), time.time()
        with self._lock:
            self._pool(grant.family).admit(now, grant.session_id, seen)
            # Of a grant from memory nothing is under way in Redis, and limits that are far need not be told each time.
            is_told = grant.is_local or bool(grant.until and now < self._told.get(grant.family, 0.0) + TELL_EVERY)
            if not is_told:
                self._told[grant.family] = now
        if not is_told:
            self._background.send(lambda to: self._shared.admit(grant.family, grant.session_id, seen, to))

    def settle(self, grant: Grant, tokens: Tokens | None, *, unused: bool = False) -> None:
        """The request is over: what it used, if that is known; `unused`: it was never sent."""
        used = estimate.counted(tokens) if tokens else None
        now = time.time()
        back: Amounts = (float(unused), *_unused(grant, used)[1:])
        with self._lock:
            if tokens:
                self._estimates.remember(grant.session_id, tokens, now)
            here: Amounts = back if grant.is_local else (0.0, 0.0, 0.0)
            self._pool(grant.family).settle(now, grant.session_id, here, used)
        if not grant.is_local:
            self._background.send(lambda to: self._shared.settle(grant.family, grant.session_id, back, used, to))

    def refused(self, grant: Grant, pause: float | None, said: Mapping[str, str], *, is_overload: bool) -> None:
        """Claude has too much to do, or we ask too much: the gate closes for all."""
        seen = headers.read(said)
        pause = None if pause is None else min(pause, self._longest)
        family, session_id = grant.family, grant.session_id
        with self._lock:
            self._give_back(self._credits.drop(family))
            pool = self._pool(family)
            pool.close(time.time(), session_id, grant.at, pause, seen, is_overload=is_overload)
        log.warning("gate_closed", family=family, overload=is_overload, retry_after=pause)
        if not grant.is_local:
            self._background.send(
                lambda to: self._shared.close(
                    family, session_id, grant.at, pause, seen, is_overload=is_overload, pipeline=to
                )
            )

    def _alone(self, family: str, wish: Wish) -> Grant | Refusal:
        """Without Redis: by what this process knows, as one of so many workers."""
        now, share = time.time(), self._background.workers
        first, second, third = wish.amounts
        amounts = (first * share, second * share, third * share)
        with self._lock:
            answer = self._pool(family).reserve(now, replace(wish, amounts=amounts))
            if answer.delay is not None:
                return Refusal(answer.delay)
        return Grant(wish.session_id, family, amounts, now, is_local=True)

    def _pool(self, family: str) -> Pool:
        return self._pools.setdefault(family, Pool(time.time()))

    def _expired(self) -> None:
        with self._lock:
            self._give_back(self._credits.drop(now=time.time()))

    def _give_back(self, dropped: list[Credit]) -> None:
        for credit in dropped:
            self._background.send(partial(self._shared.settle, credit.family, "", credit.each, None))


def _unused(grant: Grant, used: Amounts | None) -> Amounts:
    """Without usage nothing was charged: all of it."""
    spent = used or (0.0, 0.0, 0.0)
    first, second, third = grant.amounts
    return first - spent[0], second - spent[1], third - spent[2]
