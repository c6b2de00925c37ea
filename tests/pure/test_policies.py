"""Whatever the history, policy and cut: what is sent is valid, ends with the user, keeps pairs and pins, and fits."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from overnight.history import caching, context, policy, sizes
from overnight.history.blocks import THINKING
from overnight.history.context import GONE, Entry, parted, recalled
from overnight.history.policy import Policy, cut_after, first_exchange, first_kept
from overnight.history.resumption import notice
from tests.pure.histories import TOOLS, Case, cases
from worker.history_rules import check

Block = dict[str, Any]
SUMMARY = [{"type": "text", "text": "Summary: much."}]
BLOCK = [{"type": "compaction", "content": "Much.", "signature": "signed"}]
WINDOW = 1_000


def companions(history: list[Entry], pins: set[int]) -> set[int]:
    """As they are pinned: a call with its results."""
    found = set(pins)
    for entry in history:
        if entry.seq in pins:
            kinds = {block["type"] for block in entry.content}
            found |= {entry.seq + 1} if "tool_use" in kinds else {entry.seq - 1} if "tool_result" in kinds else set()
    return found


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Case, list[Entry], int, set[int], list[Block] | None]:
    """A case; what is sent of it after some cuts; where it begins; its pins; its summary."""
    case = draw(cases())
    numbers = [entry.seq for entry in case.history if entry.role != "system"]
    pins = draw(st.sets(st.sampled_from(numbers), max_size=4)) if numbers else set()
    summary = draw(st.sampled_from([None, SUMMARY, BLOCK]))
    tail, begin_after, first = case.history, 0, []
    for _ in range(draw(st.integers(1, 3))):
        chosen = cut_after(
            tail,
            under_way=not case.prompt,
            tokens=draw(st.integers(0, 60)),
            messages=draw(st.none() | st.integers(1, 6)),
        )
        if chosen is None:
            break
        first = first or first_exchange(case.history, chosen, WINDOW)
        begin_after, tail = chosen, [entry for entry in tail if entry.seq > chosen]
    assume(begin_after)
    wanted = {seq for seq in {*companions(case.history, pins), *first} if seq <= begin_after}
    kept = [entry for entry in case.history if entry.seq in wanted]
    return case, recalled(summary, kept, tail), begin_after, pins, summary


def built(case: Case, history: list[Entry], begin_after: int) -> list[dict[str, Any]]:
    cut = case.history[-1].seq
    return context.messages(history, case.prompt, cut, opening=case.opening, note=case.note, begin_after=begin_after)


@given(cuts())
def test_after_any_cut_the_request_is_valid_and_ends_with_the_user(cut: Any) -> None:
    case, history, begin_after, _, _ = cut
    sent = built(case, history, begin_after)
    check(sent, TOOLS, paused=case.paused)
    roles = [message["role"] for message in sent if message["role"] != "system"]
    assert roles[-1] == ("assistant" if case.paused else "user")
    event("cut within a turn" if not case.prompt else "cut between turns")


@given(cuts())
def test_pins_are_sent_with_their_pairs(cut: Any) -> None:
    case, history, begin_after, pins, _ = cut
    blocks = [block for message in built(case, history, begin_after) for block in message["content"]]
    for entry in case.history:
        for block in entry.content if entry.seq in pins else []:
            if block["type"] in {"text", "tool_use", "tool_result"} and (
                block["type"] != "text" or block["text"].strip()
            ):
                assert block in blocks, (entry, block)


@given(cuts())
def test_the_summary_stands_first_and_nothing_old_is_thought(cut: Any) -> None:
    case, history, begin_after, _, summary = cut
    sent = built(case, history, begin_after)
    if summary is not None:
        assert sent[0]["content"][0] == summary[0]
    assert sum(block["type"] == "compaction" for message in sent for block in message["content"]) == (summary is BLOCK)
    thought = [block for message in sent for block in message["content"] if block["type"] in THINKING]
    assert not thought, "all of it was thought in front of what is no longer sent"


@given(cuts())
def test_what_is_no_longer_shown_is_said_to_be(cut: Any) -> None:
    case, history, begin_after, _, _ = cut
    blocks = [block for message in built(case, history, begin_after) for block in message["content"]]
    kept, tail = parted(history, begin_after)
    if kept and kept[-1].seq:
        assert GONE in blocks
    opens = [block for block in case.opening if block["text"].strip()]
    if case.opening and not any(entry.content == case.opening for entry in tail):
        assert all(block in blocks for block in opens), "the turn under way begins with what was asked"


@given(cases(), st.sampled_from(["window", "compact"]), st.integers(1, 120), st.none() | st.integers(2, 8))
def test_what_is_sent_on_fits_or_nothing_more_can_go(case: Case, kind: str, most: int, messages: int | None) -> None:
    limits = Policy(kind, max_tokens=most, max_messages=messages)
    room = limits.room(200_000)
    assert room == most
    under_way = not case.prompt
    begin_after = cut_after(case.history, under_way=under_way, tokens=room, messages=messages)
    tail = [entry for entry in case.history if entry.seq > (begin_after or 0)]
    fits = sizes.of_entries(tail) <= room and (messages is None or len(tail) <= messages)
    assert fits or cut_after(tail, under_way=under_way, tokens=0) is None
    first = first_kept(case.history, 0, begin_after or 0, room) or []
    assert sizes.of_entries([entry for entry in case.history if entry.seq in first]) <= room / 4


@given(cases(), st.data())
def test_the_marks_are_few_and_stand_on_what_can_be_marked(case: Case, data: st.DataObject) -> None:
    begin_after = data.draw(st.sampled_from([0, *(entry.seq for entry in case.history)]))
    sent = context.messages(case.history, case.prompt, 0, opening=case.opening, note=case.note, begin_after=begin_after)
    assume(sent)
    places = caching.places(sent, case.history, begin_after)
    assert len(places) <= 2, "beside those of the system prompt and of the end"
    marked = caching.marked(sent, places, {"type": "ephemeral"})
    assert all(marked[at]["content"][place].get("cache_control") for at, place in places)
    assert all(sent[at]["content"][place]["type"] not in THINKING for at, place in places)
    plain = [
        {
            **message,
            "content": [{k: v for k, v in block.items() if k != "cache_control"} for block in message["content"]],
        }
        for message in marked
    ]
    assert plain == sent


@given(cases(), st.data())
def test_what_was_sent_before_stays_in_front_of_what_is_sent_next(case: Case, data: st.DataObject) -> None:
    """The cache lives of it: until the next cut, a request only adds to the one before."""
    assume(case.prompt)
    reply = [{"type": "text", "text": "Yes."}]
    before = context.messages(case.history, case.prompt, 0, note=case.note)
    end = len(case.history)
    said = [("user", case.prompt), *([("system", case.note)] if case.note else []), ("assistant", reply)]
    history = [*case.history, *context.entries(end + len(said), said)]
    after = context.messages(history, [{"type": "text", "text": "And?"}], 0)
    assert after[: len(before)] == before


HOUR = timedelta(hours=1)
START = datetime(2026, 11, 21, tzinfo=UTC)


def paced(*pauses: timedelta) -> list[Entry]:
    """Turns with these pauses between them."""
    found, at = [], START
    for number, pause in enumerate([timedelta(), *pauses]):
        at += pause
        found.append(Entry(2 * number + 1, "user", SUMMARY, at))
        found.append(Entry(2 * number + 2, "assistant", SUMMARY, at))
    return found


def test_the_cache_holds_an_hour_where_turns_are_far_apart() -> None:
    short, far, too_far = timedelta(minutes=2), timedelta(minutes=20), timedelta(hours=3)
    assert "ttl" not in caching.control([])
    assert "ttl" not in caching.control(paced(short, short))
    assert caching.control(paced(far))["ttl"] == "1h"
    assert caching.control(paced(*[short] * 30, far))["ttl"] == "1h", "one lapse costs more than an hour for all"
    assert "ttl" not in caching.control(paced(too_far, too_far)), "an hour bridges none of these"
    assert "ttl" not in caching.control(paced(far, too_far)), "what is written at twice the price lapses as well"
    assert caching.control(paced(far, far, too_far))["ttl"] == "1h"


def test_another_model_reads_a_compaction_as_text() -> None:
    shown = context.readable([Entry(0, "user", BLOCK), Entry(5, "assistant", SUMMARY)])
    assert [entry.content for entry in shown] == [[{"type": "text", "text": "Much."}], SUMMARY]


def test_only_a_long_pause_is_told() -> None:
    assert notice(None, START) == []
    assert notice(START, START + HOUR) == []
    assert notice(START, START + 76 * HOUR)[0]["text"] == (
        "(3 days and 4 hours have passed since the last message. It is now 2026-11-24 04:00 UTC.)"
    )
    assert "7 hours have" in notice(START, START + 7 * HOUR)[0]["text"]


def test_limits_of_a_policy() -> None:
    assert Policy.of({"type": "compact"}).room(1_000_000) == 800_000
    assert Policy.of({"type": "window", "max_tokens": 50_000}).room(1_000_000) == 50_000
    assert Policy("window", max_tokens=500_000).room(200_000) == 160_000
    assert Policy("full").room(200_000) is None
    assert Policy("full").warns_at(200_000) == 160_000
    assert Policy("compact", max_tokens=50_000).warns_at(1_000_000) == 40_000
    assert Policy().is_far(100_000, 10_000)
    assert not Policy().is_far(150_000, 1)
    assert not Policy("window", max_messages=10).is_far(0, 11)
    assert policy.Policy("full", max_messages=1).is_too_many([Entry(1, "user", [])] * 2) is False
