import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from overnight import price_list, pricing
from overnight.pricing import Tokens, beside, cost_nanousd, price_of
from overnight.settings import Settings
from overnight.store.calls import Call

USD = 1_000_000_000


@pytest.mark.parametrize(
    ("model", "tokens", "dollars"),
    [
        ("claude-sonnet-5-5", Tokens(input_tokens=1_000_000), 2.0),
        ("claude-sonnet-5-5", Tokens(output_tokens=1_000_000), 10.0),
        ("claude-sonnet-5-5", Tokens(cache_write_tokens=1_000_000), 2.5),
        ("claude-sonnet-5-5", Tokens(cache_write_1h_tokens=1_000_000), 4.0),
        ("claude-sonnet-5-5", Tokens(cache_read_tokens=1_000_000), 0.1),
        ("claude-opus-5-5", Tokens(1_000, 500, 2_000, 400, 10_000), 0.004 + 0.01 + 0.01 + 0.0032 + 0.002),
        ("claude-haiku-4-5", Tokens(17, 42), 0.000017 + 0.00021),
        ("claude-fable-5-1", Tokens(0, 1), 0.00005),
        ("claude-opus-5-5", Tokens(), 0.0),
    ],
)
def test_a_call_costs_what_the_price_list_says(model: str, tokens: Tokens, dollars: float) -> None:
    assert cost_nanousd(model, tokens) == round(dollars * USD)


def test_a_long_prompt_has_its_own_price() -> None:
    assert cost_nanousd("claude-haiku-5-5", Tokens(100_000, 1_000)) == round((0.01 + 0.0005) * USD)
    assert cost_nanousd("claude-haiku-5-5", Tokens(100_001, 1_000)) == round((0.0500005 + 0.0025) * USD)


def test_what_was_cached_makes_a_prompt_long_too() -> None:
    tokens = Tokens(input_tokens=1, cache_write_tokens=50_000, cache_write_1h_tokens=20_000, cache_read_tokens=30_000)
    assert tokens.prompt == 100_001
    assert price_of("claude-haiku-5-5", tokens.prompt) == price_of("claude-haiku-5-5", 1_000_000)


@pytest.mark.parametrize("model", ["claude-haiku-4-5-20251001", "claude-opus-5-20260601", "claude-opus-5-5-20261001"])
def test_a_dated_name_costs_what_its_model_costs(model: str) -> None:
    assert price_of(model, 1) == price_of(model.rpartition("-")[0], 1) is not None


@pytest.mark.parametrize("model", ["claude-fable-5-2", "claude-mythos-5-2", "gpt-7", "", "haiku", "Claude-Opus-5"])
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert price_of(model, 1) is None
    assert cost_nanousd(model, Tokens(1, 1)) is None


@pytest.mark.parametrize("model", ["claude-opus-5-9", "claude-sonnet-5-7", "claude-sonnet-5x"])
def test_a_newer_model_does_not_take_the_price_of_its_elder(model: str) -> None:
    assert price_of(model, 1) is None


def test_web_searches_and_batches_have_their_prices() -> None:
    assert cost_nanousd("claude-opus-5-5", Tokens(web_searches=3)) == round(0.03 * USD)
    batch = Tokens(1_000_000, 1_000_000, 1_000_000, 0, 1_000_000, web_searches=1, is_batch=True)
    assert cost_nanousd("claude-opus-5-5", batch) == round(((4 + 20 + 5 + 0.2) / 2 + 0.01) * USD)


SUMMARY = {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500}
REPLY = {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000}
ADVICE = {"type": "advisor_message", "model": "claude-opus-5-5", "input_tokens": 10, "output_tokens": 5}


def test_what_a_reply_took_beside_itself_is_paid_too() -> None:
    usage = {"input_tokens": 23_000, "output_tokens": 1_000, "iterations": [SUMMARY, REPLY, ADVICE]}
    parts = beside(usage, "claude-sonnet-5-5")
    assert parts == (("claude-sonnet-5-5", Tokens(180_000, 3_500)), ("claude-opus-5-5", Tokens(10, 5)))
    call = Call("claude-sonnet-5-5", Tokens.from_usage(usage), 1, beside=parts)
    assert (call.counts["input_tokens"], call.counts["output_tokens"]) == (203_010, 4_505)
    dollars = (203_000 * 2 + 4_500 * 10 + 10 * 4 + 5 * 20) / 1e6
    assert call.counts["cost_nanousd"] == round(dollars * USD)
    assert beside({"input_tokens": 5, "iterations": [{**SUMMARY, "input_tokens": 5}]}, "m") == (), "it is counted"
    assert beside({"iterations": None}, "m") == ()


def test_an_advisor_without_a_price_makes_the_cost_unknown() -> None:
    parts = (("some-model", Tokens(1, 1)),)
    assert Call("claude-sonnet-5-5", Tokens(1, 1), 1, beside=parts).counts["cost_nanousd"] is None


OTHER = {
    "as_of": "2027-01-01",
    "source": "our contract",
    "web_search": 4,
    "models": {
        "claude-opus-5-5": [{"input": 1, "output": 2, "write_5m": 3, "write_1h": 4, "read": 5}],
        "some-model": [{"input": 7, "output": 8, "write_5m": 9, "write_1h": 10, "read": 11}],
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "prices.json"
    price_list.use(None)


def test_a_file_replaces_prices(file: Path) -> None:
    file.write_text(json.dumps(OTHER))
    price_list.use(file)
    assert cost_nanousd("claude-opus-5-5", Tokens(1_000_000)) == 1 * USD
    assert cost_nanousd("some-model", Tokens(0, 1_000_000, web_searches=1_000)) == 12 * USD
    assert cost_nanousd("claude-sonnet-5-5", Tokens(1_000_000)) == 2 * USD, "the others stay"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"models": {"m": []}}, "m: every tier but the last"),
        ({"models": {"m": [{"input": 1, "output": 2}]}}, "models.m.0.write_5m"),
        ({"colour": 1}, "colour"),
        ({"as_of": "soon"}, "as_of"),
    ],
)
def test_a_wrong_file_is_refused_by_what_is_wrong(file: Path, change: dict[str, Any], complaint: str) -> None:
    file.write_text(json.dumps({**OTHER, **change}))
    with pytest.raises(ValueError, match="prices") as refused:
        Settings(prices=file)
    assert complaint in str(refused.value)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(ValueError, match=f"cannot read {file}"):
        Settings(prices=file)


def test_usage_is_read_as_claude_reports_it() -> None:
    usage = {
        "input_tokens": 5,
        "output_tokens": 7,
        "cache_creation_input_tokens": 300,
        "cache_read_input_tokens": 11,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "service_tier": "batch",
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 9},
    }
    assert Tokens.from_usage(usage) == Tokens(5, 7, 100, 200, 11, 2, is_batch=True)


def test_missing_and_null_counts_are_zero() -> None:
    nulls = dict.fromkeys(["cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"])
    assert Tokens.from_usage({}) == Tokens()
    assert Tokens.from_usage({"input_tokens": 3, "output_tokens": None, **nulls}) == Tokens(input_tokens=3)


def test_the_price_list_is_complete() -> None:
    listed = json.loads(Path(pricing.__file__).with_name("prices.json").read_text())
    assert listed["as_of"]
    assert listed["source"]
    for tiers in listed["models"].values():
        assert all({"input", "output", "write_5m", "write_1h", "read"} <= tier.keys() for tier in tiers)
        assert ["up_to" in tier for tier in tiers] == [True] * (len(tiers) - 1) + [False]
