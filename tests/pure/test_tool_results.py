"""The message that answers a reply's calls is whole, in their order, and one that Claude takes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worker.tool_results import answer_unanswered, result, results_message

from worker.block_rules import check_block

Block = dict[str, Any]
TEXTS = st.text(max_size=4) | st.sampled_from([" ", "\n"])
PARTS = st.lists(
    st.builds(lambda said: {"type": "text", "text": said}, TEXTS) | st.just({"type": "image", "source": {}}), max_size=3
)
REPLY = [
    {"type": "text", "text": "Both:"},
    {"type": "tool_use", "id": "a", "name": "read", "input": {}},
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    {"type": "tool_use", "id": "b", "name": "read", "input": {}},
]


@given(st.none() | TEXTS | PARTS, st.booleans())
def test_a_result_of_anything_is_one_that_claude_takes(said: str | list[Block] | None, is_error: bool) -> None:
    block = result("toolu_1", said, is_error=is_error)
    check_block(0, 0, block, "user")
    assert block.get("is_error", False) == is_error


def test_results_come_in_the_order_of_the_calls() -> None:
    message = results_message(REPLY, [result("b", "two"), result("a", "one")])
    assert message == {"role": "user", "content": [result("a", "one"), result("b", "two")]}


@pytest.mark.parametrize("given_ids", [["a"], ["a", "b", "b"], ["a", "b", "c"], ["a", "c"], []])
def test_each_call_has_one_result(given_ids: list[str]) -> None:
    with pytest.raises(ValueError, match="one for each of a, b; given"):
        results_message(REPLY, [result(call, "x") for call in given_ids])


def test_calls_that_were_never_answered_get_an_error_that_says_why() -> None:
    left = answer_unanswered(REPLY, "The user stopped this task before the tool was called.", answered=["a"])
    assert [(block["tool_use_id"], block["is_error"]) for block in left] == [("b", True)]
    assert left[0]["content"] == [{"type": "text", "text": "The user stopped this task before the tool was called."}]
    assert results_message(REPLY, [result("a", "one"), *left])["content"] == [result("a", "one"), *left]
