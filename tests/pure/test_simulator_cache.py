"""The simulator's prompt cache keeps what Claude's keeps, and no more."""

from typing import Any

import pytest

from ops.simulator.cache import LOOKBACK, PromptCache, Usage
from ops.simulator.compaction import BETA, check_compaction, compacted
from ops.simulator.errors import Refused

MODEL = "claude-sonnet-5-5"
EPHEMERAL = {"type": "ephemeral"}
Json = dict[str, Any]


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> PromptCache:
    return PromptCache(clock)


def block(words: str, tokens: int = 1, **more: Any) -> Json:
    return {"type": "text", "text": words.ljust(4 * tokens, "."), **more}


def request(*blocks: Json, model: str = MODEL, **more: Any) -> Json:
    return {"model": model, "messages": [{"role": "user", "content": list(blocks)}], **more}


def test_a_prefix_is_kept_at_markers_only(cache: PromptCache) -> None:
    first, second = block("a", 2_000, cache_control=EPHEMERAL), block("b", 500)
    assert cache.account(request(first, second), "key") == Usage(fresh=500, written=2_000)
    assert cache.account(request(block("a", 2_000), second), "key") == Usage(fresh=2_500), "without a marker"
    assert cache.account(request(first, block("c", 9)), "key") == Usage(fresh=9, cached=2_000)
    assert cache.account(request(first, block("c", 9)), "another") == Usage(fresh=9, written=2_000)
    assert cache.account(request(block("x", 2_000, cache_control=EPHEMERAL)), "key").cached == 0


def test_the_marker_of_the_whole_request_stands_at_its_end(cache: PromptCache) -> None:
    assert cache.account(request(block("a", 2_000), cache_control=EPHEMERAL), "key") == Usage(0, 0, 2_000)
    longer = request(block("a", 2_000), block("b", 100), cache_control=EPHEMERAL)
    assert cache.account(longer, "key") == Usage(0, 2_000, 100)


@pytest.mark.parametrize(("more", "found"), [(LOOKBACK - 1, True), (LOOKBACK, False)])
def test_it_looks_twenty_blocks_back(cache: PromptCache, more: int, found: bool) -> None:
    begin = [block("a", 2_000)]
    cache.account(request(*begin, cache_control=EPHEMERAL), "key")
    added = [block(f"{n}", 10) for n in range(more)]
    far = cache.account(request(*begin, *added, cache_control=EPHEMERAL), "key", look_only=True)
    assert bool(far.cached) is found
    marked = [block("a", 2_000, cache_control=EPHEMERAL)]
    assert cache.account(request(*marked, *added, cache_control=EPHEMERAL), "key").cached == 2_000


def test_what_is_short_is_not_kept(cache: PromptCache) -> None:
    for model, least in ((MODEL, 1_024), ("claude-opus-5-5", 512), ("claude-haiku-4-5", 4_096)):
        short, enough = (request(block("a", size), model=model, cache_control=EPHEMERAL) for size in (least - 1, least))
        assert cache.account(short, "key") == Usage(fresh=least - 1), model
        assert cache.account(enough, "key") == Usage(0, 0, least), model


def test_it_is_kept_for_five_minutes_or_an_hour_from_its_last_use(cache: PromptCache, clock: Clock) -> None:
    five = request(block("a", 2_000), cache_control=EPHEMERAL)
    hour = request(block("b", 2_000), cache_control={**EPHEMERAL, "ttl": "1h"})
    assert cache.account(hour, "key") == Usage(0, 0, 2_000, 2_000)
    cache.account(five, "key")
    clock.now += 290
    assert cache.account(five, "key").cached == 2_000
    clock.now += 290
    assert cache.account(five, "key").cached == 2_000, "each use begins the time anew"
    clock.now += 310
    assert (cache.account(five, "key").cached, cache.account(hour, "key").cached) == (0, 2_000)
    clock.now += 3_610
    assert cache.account(hour, "key").cached == 0


def test_tools_and_system_come_first(cache: PromptCache) -> None:
    tools = [{"name": "t", "description": "d" * 4_400, "input_schema": {}, "cache_control": EPHEMERAL}]
    system = [block("s", 2_000, cache_control=EPHEMERAL)]
    whole = cache.account(request(block("a"), system=system, tools=tools), "key")
    assert whole.written > 3_000
    assert cache.account(request(block("b"), system=system, tools=tools), "key").cached == whole.written
    other = cache.account(request(block("b"), system=[block("z", 2_000)], tools=tools), "key")
    assert 1_000 < other.cached < whole.written, "the tools alone"


def test_five_markers_are_too_many(cache: PromptCache) -> None:
    marked = [block(f"{n}", 10, cache_control=EPHEMERAL) for n in range(4)]
    cache.account(request(*marked), "key")
    with pytest.raises(Refused, match="maximum of 4 blocks"):
        cache.account(request(*marked, block("e"), cache_control=EPHEMERAL), "key")


# --- compaction ---


def test_a_summary_goes_back_as_it_came() -> None:
    asked = request(block("Name the parts."), compaction={"type": "summarize"})
    check_compaction(asked, {BETA})
    (made,) = compacted(asked).blocks
    assert "Name the parts" in made["content"]
    check_compaction(request(made, block("Go on.")), {BETA})


@pytest.mark.parametrize(
    ("blocks", "betas", "why"),
    [
        (["made"], set(), "Input tag 'compaction'"),
        (["said", "made"], {BETA}, "is not first"),
        (["altered"], {BETA}, "was changed"),
        (["made", "made"], {BETA}, "is not first|more than one"),
    ],
)
def test_one_that_was_altered_or_moved_is_refused(blocks: list[str], betas: set[str], why: str) -> None:
    (made,) = compacted(request(block("x"), compaction={"type": "summarize"})).blocks
    known = {"made": made, "said": block("Go on."), "altered": {**made, "content": "Otherwise."}}
    with pytest.raises(Refused, match=why):
        check_compaction(request(*(known[name] for name in blocks)), betas)


def test_who_may_ask_for_one() -> None:
    asked = request(block("x"), compaction={"type": "summarize"})
    with pytest.raises(Refused, match="requires anthropic-beta"):
        check_compaction(asked, set())
    with pytest.raises(Refused, match="does not support"):
        check_compaction({**asked, "model": "claude-haiku-4-5"}, {BETA})
    with pytest.raises(Refused, match="context_management"):
        check_compaction({**asked, "context_management": {"edits": []}}, {BETA})
