"""What conversations cost, by the simulator's cache: the figures of the documentation."""

import pytest

from ops.bench.context import HEADINGS, LENGTHS, POLICIES, Conversation, row
from overnight.history.request import Setting, next_request
from tests.compose import ROOT

GUIDE = (ROOT / "docs" / "context.md").read_text(encoding="utf-8")
DEFAULT = "`compact` (default)"


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-sonnet-5"])  # read at a twentieth, and at a tenth
@pytest.mark.parametrize(("turns", "most"), list(zip(LENGTHS, (0.25, 0.15), strict=True)))
def test_a_conversation_costs_a_part_of_sending_it_uncached(model: str, turns: int, most: float) -> None:
    assert Conversation(POLICIES[DEFAULT], model).run(turns).share <= most


def test_the_guide_shows_what_is_measured() -> None:
    name = "`window`, `max_messages` 60"
    assert f"| {' | '.join(HEADINGS)} |" in GUIDE
    assert f"| {' | '.join(row(name))} |" in GUIDE
    assert all(f"| {policy} |" in GUIDE for policy in POLICIES)


def test_at_most_four_marks() -> None:
    told = Conversation(POLICIES["`window`, `max_messages` 60"]).run(50)
    assert told.cuts
    setting = Setting("claude-sonnet-5-5", 10, "s" * 8_000, [{"name": "tool", "input_schema": {}}], 2)
    request = next_request(setting, told.history, [{"type": "text", "text": "?"}]).parameters()
    blocks = [*request["system"], *request["tools"], *(b for m in request["messages"] for b in m["content"])]
    assert sum("cache_control" in block for block in blocks) == 3, "and the one that Claude sets at the end"
    assert request["cache_control"]
