"""The pools that all workers share: one Lua script a verb, in one round trip each."""

from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from overnight import rate_limits
from worker.governor.asking import Answer, Wish
from worker.governor.headers import Amounts, Seen

SCRIPTS = Path(__file__).parent / "scripts"
#: A frozen Redis holds a turn up no longer, seconds.
TIMEOUT = 0.25


class Shared:
    """Every call may raise `RedisError`. What needs no answer may be gathered in a `pipeline` first."""

    def __init__(self, redis_url: str, credential: str) -> None:
        self.redis = Redis.from_url(
            redis_url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._credential = credential
        state = (SCRIPTS / "state.lua").read_text()
        self._scripts = {
            verb: self.redis.register_script(state + (SCRIPTS / f"{verb}.lua").read_text())
            for verb in ("reserve", "admit", "settle", "close")
        }

    def reserve(self, family: str, wish: Wish) -> Answer:
        arguments = [wish.session_id, wish.tenant, int(wish.is_background), *wish.amounts]
        at, delay, tokens_in, tokens_out, more = self._run("reserve", family, arguments, None)
        each = (1.0, float(tokens_in), float(tokens_out))
        return Answer(float(at), float(delay) if delay else None, each, int(more))

    def admit(self, family: str, session_id: str, seen: Seen, pipeline: Any = None) -> None:
        self._run("admit", family, [session_id, *_said(seen)], pipeline)

    def settle(self, family: str, session_id: str, back: Amounts, used: Amounts | None, pipeline: Any = None) -> None:
        self._run("settle", family, [session_id, *back, *(used[1:] if used else ("", ""))], pipeline)

    def close(
        self,
        family: str,
        session_id: str,
        sent_at: float,
        pause: float | None,
        seen: Seen,
        *,
        is_overload: bool,
        pipeline: Any = None,
    ) -> None:
        asked = "" if pause is None else pause
        self._run("close", family, [session_id, sent_at, asked, int(is_overload), *_said(seen)], pipeline)

    def count_workers(self, owner: str, pipeline: Any, now: float) -> None:
        """Says that this one is there; the pipeline's last answer is how many are."""
        pipeline.zadd(rate_limits.WORKERS, {owner: now})
        pipeline.zremrangebyscore(rate_limits.WORKERS, "-inf", now - rate_limits.WORKER_GONE)
        pipeline.zcard(rate_limits.WORKERS)

    def _run(self, verb: str, family: str, arguments: list[Any], pipeline: Any) -> Any:
        script: Script = self._scripts[verb]
        return script(keys=rate_limits.keys_of(self._credential, family), args=arguments, client=pipeline)


def _said(seen: Seen) -> list[float | str]:
    return ["" if value is None else value for value in (*seen.limits, *seen.left)]
