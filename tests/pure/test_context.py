"""What is sent to Claude: always a valid request, chosen from the ledger and never changing it."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from overnight.history import sizes
from overnight.history.blocks import THINKING
from overnight.history.context import Entry, messages
from overnight.history.policy import shorter

Block = dict[str, Any]

words = st.text(min_size=1, max_size=20).filter(str.strip)
blanks = st.text(" \t\n", max_size=3)


def text(content: st.SearchStrategy[str]) -> st.SearchStrategy[Block]:
    return st.builds(lambda said: {"type": "text", "text": said}, content)


def thought(words: str) -> Block:
    return {"type": "thinking", "thinking": words, "signature": f"signed {words}"}


thoughts = st.builds(thought, st.text(max_size=9)) | st.just({"type": "redacted_thinking", "data": "opaque"})
prompts = st.tuples(st.lists(text(words | blanks), max_size=2), text(words)).map(lambda parts: [*parts[0], parts[1]])
replies = st.lists(text(words) | text(blanks) | thoughts, min_size=1, max_size=4)


@st.composite
def ledgers(draw: st.DrawFn) -> list[Entry]:
    """Prompts and replies in turn, as turns write them, from wherever the context begins."""
    first = 2 * draw(st.integers(0, 5))
    said = draw(st.lists(st.tuples(prompts, replies), max_size=5))
    contents = [(role, content) for pair in said for role, content in zip(("user", "assistant"), pair, strict=True)]
    return [Entry(first + place, role, content) for place, (role, content) in enumerate(contents, start=1)]


def is_blank(block: Block) -> bool:
    return block["type"] == "text" and not block["text"].strip()


@given(ledgers(), prompts, st.integers(0, 20))
def test_a_request_is_always_one_that_claude_takes(history: list[Entry], prompt: list[Block], cut: int) -> None:
    sent = messages(history, prompt, cut)
    roles = [message["role"] for message in sent]
    assert roles == ["user", "assistant"] * (len(sent) // 2) + ["user"]
    assert all(message["content"] for message in sent)
    assert not any(is_blank(block) for message in sent for block in message["content"])
    spoken = [block for block in prompt if not is_blank(block)]
    assert sent[-1]["content"][-len(spoken) :] == spoken


@given(ledgers(), prompts, st.integers(0, 20))
def test_replies_are_sent_verbatim_but_for_bound_thinking(history: list[Entry], prompt: list[Block], cut: int) -> None:
    sent = [
        block
        for message in messages(history, prompt, cut)
        if message["role"] == "assistant"
        for block in message["content"]
    ]
    said: list[Block] = []
    for entry in history:
        if entry.role == "assistant":
            spoken = [block for block in entry.content if not is_blank(block)]
            said += without_last_thinking(spoken) if entry.seq > cut else without_thinking(spoken)
    assert sent == said


def without_thinking(content: list[Block]) -> list[Block]:
    return [block for block in content if block["type"] not in THINKING]


def without_last_thinking(content: list[Block]) -> list[Block]:
    """Claude refuses a reply that ends with thinking."""
    return without_last_thinking(content[:-1]) if content and content[-1]["type"] in THINKING else content


@given(ledgers(), prompts, st.integers(0, 20))
def test_the_ledger_and_the_prompt_are_left_as_they_are(history: list[Entry], prompt: list[Block], cut: int) -> None:
    before = copy.deepcopy((history, prompt))
    messages(history, prompt, cut)
    shorter(history, under_way=False)
    assert (history, prompt) == before


@given(ledgers())
def test_shortening_ends_on_an_exchange_and_always_gets_on(history: list[Entry]) -> None:
    """Again and again, as a session does whose context stays too long: to the end, never in a circle."""
    rounds = 0
    while (begin_after := shorter(history, under_way=False)) is not None:
        rest = [entry for entry in history if entry.seq > begin_after]
        assert len(rest) < len(history)
        assert not rest or rest[0].role == "user"
        history, rounds = rest, rounds + 1
    assert history == []
    assert rounds <= 5


@given(ledgers())
def test_shortening_drops_at_least_half(history: list[Entry]) -> None:
    begin_after = shorter(history, under_way=False)
    if begin_after is not None:
        assert size([entry for entry in history if entry.seq > begin_after]) <= size(history) / 2


def size(entries: list[Entry]) -> int:
    return sizes.of_entries(entries)


def test_thinking_is_dropped_up_to_the_cut_and_kept_after_it() -> None:
    def exchange(seq: int) -> list[Entry]:
        reply = [thought(f"t{seq}"), {"type": "text", "text": f"a{seq}"}]
        return [Entry(seq, "user", [{"type": "text", "text": f"q{seq}"}]), Entry(seq + 1, "assistant", reply)]

    sent = messages([*exchange(1), *exchange(3)], [{"type": "text", "text": "next"}], cut=2)
    assert [message["content"] for message in sent] == [
        [{"type": "text", "text": "q1"}],
        [{"type": "text", "text": "a1"}],
        [{"type": "text", "text": "q3"}],
        [thought("t3"), {"type": "text", "text": "a3"}],
        [{"type": "text", "text": "next"}],
    ]


def test_a_reply_of_thinking_alone_leaves_no_empty_message() -> None:
    history = [Entry(1, "user", [{"type": "text", "text": "q"}]), Entry(2, "assistant", [thought("cut")])]
    assert messages(history, [{"type": "text", "text": "go on"}], cut=0) == [
        {"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "text", "text": "go on"}]}
    ]


def test_without_history_there_is_nothing_to_shorten() -> None:
    assert shorter([], under_way=False) is None
