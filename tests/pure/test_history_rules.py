"""Every request that is built is one that Claude takes, and every way to spoil one is named."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from overnight.history import context, policy
from overnight.history.blocks import THINKING
from overnight.history.request import Request
from tests.pure.histories import TOOLS, Case, cases
from worker.asking import judge_request
from worker.failures import Remedy
from worker.history_faults import InvalidHistory, Rule
from worker.history_rules import check

Block = dict[str, Any]
Message = dict[str, Any]


def built(case: Case, cut: int = 0) -> list[Message]:
    return context.messages(case.history, case.prompt, cut, opening=case.opening, note=case.note)


def check_case(case: Case, messages: list[Message], cut: int = 0) -> None:
    check(messages, TOOLS, paused=case.paused, history=case.history, cut=cut)


@given(cases(), st.integers(0, 12))
def test_what_is_built_from_a_ledger_is_valid(case: Case, cut: int) -> None:
    before = copy.deepcopy(case)
    check_case(case, built(case, cut), cut)
    assert case == before


@given(cases())
def test_what_is_left_after_any_shortening_is_valid(case: Case) -> None:
    under_way = not case.prompt
    while (begin_after := policy.shorter(case.history, under_way=under_way)) is not None:
        cut = case.history[-1].seq
        rest = [entry for entry in case.history if entry.seq > begin_after]
        assert len(rest) < len(case.history)
        case = Case(rest, case.prompt, case.opening, case.paused, case.note)
        check_case(case, messages := built(case, cut), cut)
        event("cut within a turn" if messages[0]["content"][-1] == context.GONE else "cut between turns")
        opens = [block for block in case.opening if block["text"].strip()]
        assert all(block in said_by_user(messages) for block in opens)
    assert under_way == bool(case.history)


def said_by_user(messages: list[Message]) -> list[Block]:
    return [block for message in by("user", messages) for block in message["content"]]


@given(cases(), st.data())
def test_any_cut_at_all_leaves_no_result_without_its_call(case: Case, data: st.DataObject) -> None:
    """Also one that `shorter` would never make."""
    place = data.draw(st.integers(0, len(case.history)))
    rest = case.history[place:]
    messages = context.messages(rest, case.prompt, case.history[-1].seq if rest else 0, opening=case.opening)
    if rest or case.prompt:
        check(messages, TOOLS, paused=case.paused)


# --- what spoils it ---

Spoil = Callable[[list[Message], st.DataObject], None]


def places(messages: list[Message], wanted: Callable[[Block], bool], role: str | None = None) -> list[tuple[int, int]]:
    """(message, block) of the blocks that are wanted."""
    found = [
        (n, at)
        for n, message in enumerate(messages)
        if role in (None, message["role"])
        for at, block in enumerate(message["content"])
        if wanted(block)
    ]
    assume(found)
    return found


def of_kind(*kinds: str) -> Callable[[Block], bool]:
    return lambda block: block["type"] in kinds


def any_of(messages: list[Message], data: st.DataObject, *kinds: str) -> tuple[list[Block], int]:
    n, at = data.draw(st.sampled_from(places(messages, of_kind(*kinds))))
    return messages[n]["content"], at


def drop_result(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "tool_result")
    assume(len(content) > 1)
    del content[at]


def double_result(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "tool_result")
    content.insert(at, content[at])


def rename_result(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "tool_result")
    content[at]["tool_use_id"] = "toolu_unknown"


def speak_before_results(messages: list[Message], data: st.DataObject) -> None:
    content, _ = any_of(messages, data, "tool_result")
    assume(not open_server_call(messages))
    content.insert(0, {"type": "text", "text": "Here:"})


def open_server_call(messages: list[Message]) -> bool:
    kinds = [block["type"] for message in messages for block in message["content"]]
    return sum(kind in context_calls() for kind in kinds) > sum(kind.endswith("_tool_result") for kind in kinds)


def context_calls() -> set[str]:
    return {"server_tool_use", "mcp_tool_use"}


def leave_a_call_open(messages: list[Message], data: st.DataObject) -> None:
    n, _ = data.draw(st.sampled_from(places(messages, of_kind("tool_use"))))
    del messages[n + 1 :]


def call_twice(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "tool_use")
    content.insert(at, content[at])


def drop_server_result(messages: list[Message], data: st.DataObject) -> None:
    found = places(messages, lambda block: block["type"].endswith("_tool_result"))
    n, at = data.draw(st.sampled_from(found))
    assume(any(not only_results(message) for message in messages[n + 1 :: 2]) and len(messages[n]["content"]) > 1)
    del messages[n]["content"][at]
    assume(messages[n]["content"][-1]["type"] not in THINKING)


def only_results(message: Message) -> bool:
    return all(block["type"] == "tool_result" for block in message["content"])


def answer_a_server_call_first(messages: list[Message], data: st.DataObject) -> None:
    found = places(messages, lambda block: block["type"].endswith("_tool_result"))
    n, at = data.draw(st.sampled_from(found))
    messages[n]["content"].insert(0, {**messages[n]["content"][at], "tool_use_id": "srvtoolu_unknown"})


def empty_text(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "text")
    content[at]["text"] = data.draw(st.sampled_from(["", " \n"]))


def empty_message(messages: list[Message], data: st.DataObject) -> None:
    data.draw(st.sampled_from(messages))["content"].clear()


def strip_signature(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "thinking")
    del content[at]["signature"]


def empty_signature(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "thinking")
    content[at]["signature"] = ""


def alter_thinking(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "thinking")
    content[at]["thinking"] += "!"


def swap_thinking(messages: list[Message], data: st.DataObject) -> None:
    found = places(messages, of_kind(*THINKING))
    assume(len(found) > 1)
    (n, at), (m, bt) = found[0], found[-1]
    first, last = messages[n]["content"], messages[m]["content"]
    first[at], last[bt] = last[bt], first[at]


def drop_thinking_before_a_call(messages: list[Message], data: st.DataObject) -> None:
    assume(messages[-1]["role"] == "assistant" or only_results(messages[-1]))
    last = messages[-2]["content"] if messages[-1]["role"] == "user" else messages[-1]["content"]
    at = next((at for at, block in enumerate(last) if block["type"] in THINKING), None)
    assume(at is not None and any(block["type"] in {"tool_use", *context_calls()} for block in last[at:]))
    del last[at]


def end_with_thinking(messages: list[Message], data: st.DataObject) -> None:
    replies = [n for n, message in enumerate(messages[:-1]) if message["role"] == "assistant"]
    assume(replies)
    n = data.draw(st.sampled_from(replies))
    messages[n]["content"].append({"type": "redacted_thinking", "data": "opaque"})


def by(role: str, messages: list[Message]) -> list[Message]:
    found = [message for message in messages if message["role"] == role]
    assume(found)
    return found


def think_as_user(messages: list[Message], data: st.DataObject) -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": "s"}
    data.draw(st.sampled_from(by("user", messages)))["content"].append(thinking)


def call_as_user(messages: list[Message], data: st.DataObject) -> None:
    data.draw(st.sampled_from(by("user", messages)))["content"].append(
        {"type": "tool_use", "id": "toolu_x", "name": "read", "input": {}}
    )


def answer_as_assistant(messages: list[Message], data: st.DataObject) -> None:
    assume(len(messages) > 2)
    data.draw(st.sampled_from(by("assistant", messages)))["content"].append(
        {"type": "tool_result", "tool_use_id": "toolu_x"}
    )


def note_first(messages: list[Message], data: st.DataObject) -> None:
    messages.insert(0, {"role": "system", "content": [{"type": "text", "text": "Mind."}]})


def note_after_a_reply(messages: list[Message], data: st.DataObject) -> None:
    replies = [n for n, message in enumerate(messages) if message["role"] == "assistant"]
    assume(replies)
    n = data.draw(st.sampled_from(replies))
    messages.insert(n + 1, {"role": "system", "content": [{"type": "text", "text": "Mind."}]})


def begin_with_assistant(messages: list[Message], data: st.DataObject) -> None:
    messages.insert(0, {"role": "assistant", "content": [{"type": "text", "text": "hi"}]})


def double_a_role(messages: list[Message], data: st.DataObject) -> None:
    messages.insert(1, {"role": "user", "content": [{"type": "text", "text": "and"}]})


def end_with_assistant(messages: list[Message], data: st.DataObject) -> None:
    assume(messages[-1]["role"] == "user")
    messages.append({"role": "assistant", "content": [{"type": "text", "text": "hi"}]})


def make_error_empty(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "tool_result")
    content[at] |= {"is_error": True, "content": []}


def make_error_an_image(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "tool_result")
    content[at] |= {"is_error": True, "content": [{"type": "image", "source": {}}]}


def answer_with_a_number(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "tool_result")
    content[at]["content"] = 42


def answer_with_a_call(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "tool_result")
    content[at]["content"] = [{"type": "tool_use", "id": "toolu_x", "name": "read", "input": {}}]


def call_with_text(messages: list[Message], data: st.DataObject) -> None:
    content, at = any_of(messages, data, "tool_use")
    content[at]["input"] = "{}"


def lose_the_type(messages: list[Message], data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(messages))["content"]
    del content[0]["type"]


SPOILS: dict[Spoil, set[Rule]] = {
    drop_result: {Rule.CALL_ANSWERED},
    double_result: {Rule.RESULT_ONCE},
    rename_result: {Rule.RESULT_KNOWN},
    speak_before_results: {Rule.RESULTS_FIRST},
    leave_a_call_open: {Rule.CALL_ANSWERED},
    call_twice: {Rule.CALL_ID_ONCE},
    drop_server_result: {Rule.SERVER_CALL_ANSWERED},
    answer_a_server_call_first: {Rule.SERVER_RESULT_KNOWN},
    empty_text: {Rule.TEXT_NOT_BLANK},
    empty_message: {Rule.CONTENT_NOT_EMPTY},
    strip_signature: {Rule.BLOCK_SHAPE},
    empty_signature: {Rule.THINKING_SIGNED},
    alter_thinking: {Rule.THINKING_UNTOUCHED},
    swap_thinking: {Rule.THINKING_UNTOUCHED},
    drop_thinking_before_a_call: {Rule.THINKING_KEPT},
    end_with_thinking: {Rule.THINKING_NOT_LAST},
    think_as_user: {Rule.BLOCK_PLACE},
    call_as_user: {Rule.BLOCK_PLACE},
    answer_as_assistant: {Rule.BLOCK_PLACE},
    note_first: {Rule.NOTE_PLACE},
    note_after_a_reply: {Rule.NOTE_PLACE},
    begin_with_assistant: {Rule.FIRST_IS_USER},
    double_a_role: {Rule.ROLES_ALTERNATE},
    end_with_assistant: {Rule.LAST_IS_USER},
    make_error_empty: {Rule.RESULT_SHAPE},
    make_error_an_image: {Rule.RESULT_SHAPE},
    answer_with_a_number: {Rule.RESULT_SHAPE},
    answer_with_a_call: {Rule.RESULT_SHAPE},
    call_with_text: {Rule.BLOCK_SHAPE},
    lose_the_type: {Rule.BLOCK_SHAPE},
}


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much])
@given(case=cases(), data=st.data())
def test_what_spoils_a_history_is_named(spoil: Spoil, case: Case, data: st.DataObject) -> None:
    messages = copy.deepcopy(built(case))
    spoil(messages, data)
    with pytest.raises(InvalidHistory) as caught:
        check_case(case, messages)
    assert caught.value.rule in SPOILS[spoil]
    assert str(caught.value).startswith(f"messages.{caught.value.index}: {caught.value.rule}")


def test_every_rule_is_broken_by_something() -> None:
    broken = set().union(*SPOILS.values())
    assert set(Rule) - broken == {Rule.NOT_EMPTY, Rule.TOOL_NAME, Rule.TOOLS_DEFINED}


@pytest.mark.parametrize(
    ("tools", "rule"),
    [(["a b"], Rule.TOOL_NAME), ([""], Rule.TOOL_NAME), (["a" * 129], Rule.TOOL_NAME), (["a", "a"], Rule.TOOL_NAME)],
)
def test_names_of_tools_are_checked(tools: list[str], rule: Rule) -> None:
    with pytest.raises(InvalidHistory) as caught:
        check([{"role": "user", "content": [{"type": "text", "text": "hi"}]}], tools)
    assert caught.value.rule is rule


@given(cases())
def test_calls_without_tools_are_refused(case: Case) -> None:
    messages = built(case)
    places(messages, of_kind("tool_use"))
    with pytest.raises(InvalidHistory) as caught:
        check(messages, paused=case.paused)
    assert caught.value.rule is Rule.TOOLS_DEFINED


def test_a_request_that_breaks_a_rule_fails_before_it_is_sent() -> None:
    said = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert judge_request(Request("claude-opus-5-5", 9, None, said)) is None
    failure = judge_request(Request("claude-opus-5-5", 9, None, [*said, *said]))
    assert failure is not None
    assert failure.remedy is Remedy.FAIL
    message = "messages.1: roles are user and assistant in turn (it is 'user')"
    assert failure.error == {"type": "invalid_history", "message": message}


def test_no_message_at_all_is_refused() -> None:
    with pytest.raises(InvalidHistory, match="there is a message"):
        check([])
