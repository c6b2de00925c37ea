"""What a request will probably take of the limits, told before it is sent."""

from collections import OrderedDict
from dataclasses import dataclass

from overnight import prompt_cache
from overnight.pricing import Tokens

#: What a reply is taken for when none was seen yet.
FIRST_REPLY = 400.0
MOST_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Last:
    """A session's last request: tokens of its prompt, of that in the prompt cache, of its reply, and when."""

    prompt: float
    cached: float
    reply: float
    at: float


class Estimates:
    """Remembers the last request of each session that this process served. Called under its owner's lock."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, Last] = OrderedDict()

    def remember(self, session_id: str, tokens: Tokens, now: float) -> None:
        self._last.pop(session_id, None)
        cached = float(tokens.prompt - tokens.input_tokens)
        self._last[session_id] = Last(float(tokens.prompt), cached, float(tokens.output_tokens), now)
        while len(self._last) > MOST_SESSIONS:
            self._last.popitem(last=False)

    def input(self, session_id: str, new: float, context: float, mean: float, now: float) -> float:
        """Tokens that count: what the cache gives does not.

        `new` is what was not sent before, `context` what the session sent last, and got; `mean` is what is usual.
        """
        last = self._last.get(session_id)
        if last is None:  # another process asked: a short context is cached nowhere
            return max(new + (context if context < prompt_cache.SHORTEST else 0.0), mean)
        is_held = now - last.at < prompt_cache.HOLDS.total_seconds()
        return last.reply + new + last.prompt - (last.cached if is_held else 0.0)


def output(max_tokens: int, mean: float) -> float:
    return min(float(max_tokens), mean or FIRST_REPLY)


def counted(tokens: Tokens) -> tuple[float, float, float]:
    """What a request took: one of the requests, input that did not come from the cache, output."""
    return 1.0, float(tokens.prompt - tokens.cache_read_tokens), float(tokens.output_tokens)
