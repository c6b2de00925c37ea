"""What a request is taken for before it is sent: cached tokens do not count, and short prompts are never cached."""

from overnight.pricing import Tokens
from overnight.prompt_cache import HOLDS
from worker.governor.estimate import Estimates

CACHED = Tokens(input_tokens=100, cache_read_tokens=4_000, cache_write_tokens=900, output_tokens=300)
SHORT = Tokens(input_tokens=700, output_tokens=300)
USUAL = 500.0


def after(tokens: Tokens, *, seconds: float, new: float = 50.0) -> float:
    estimates = Estimates()
    estimates.remember("s", tokens, now=1_000.0)
    return estimates.input("s", new, 5_300.0, USUAL, now=1_000.0 + seconds)


def test_what_the_cache_holds_is_free_while_it_holds() -> None:
    assert after(CACHED, seconds=10) == 300 + 50 + 100
    assert after(CACHED, seconds=HOLDS.total_seconds() + 1) == 300 + 50 + 5_000


def test_a_short_prompt_counts_again_each_time() -> None:
    assert after(SHORT, seconds=10) == 300 + 50 + 700


def test_what_another_process_asked() -> None:
    short, long = (Estimates().input("s", 50.0, context, USUAL, now=0.0) for context in (900.0, 9_000.0))
    assert short == 950
    assert long == USUAL, "it is probably cached"


def test_a_new_session_counts_at_least_what_is_usual() -> None:
    assert Estimates().input("s", 50.0, 0.0, USUAL, now=0.0) == USUAL
    assert Estimates().input("s", 800.0, 0.0, USUAL, now=0.0) == 800
