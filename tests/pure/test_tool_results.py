"""A result of anything is one that Claude takes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from overnight.tool_results import result
from worker.block_rules import check_block

Block = dict[str, Any]
TEXTS = st.text(max_size=4) | st.sampled_from([" ", "\n"])
PARTS = st.lists(
    st.builds(lambda said: {"type": "text", "text": said}, TEXTS) | st.just({"type": "image", "source": {}}), max_size=3
)


@given(st.none() | TEXTS | PARTS, st.booleans())
def test_a_result_of_anything_is_one_that_claude_takes(said: str | list[Block] | None, is_error: bool) -> None:
    block = result("toolu_1", said, is_error=is_error)
    check_block(0, 0, block, "user")
    assert block.get("is_error", False) == is_error
