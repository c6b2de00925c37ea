"""Our rules and the simulator's judgement, each written from what Claude is known to do, on the same histories."""

import copy
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ops.simulator import validate
from ops.simulator.errors import Refused
from tests.pure.histories import TOOLS, Case, cases
from tests.pure.test_history_rules import SPOILS, Spoil, built
from worker.history_faults import InvalidHistory, Rule
from worker.history_rules import check

# Claude joins messages of one role, and takes system messages elsewhere; we never send such. What it said before is
# compared with the ledger by us alone.
STRICTER = {Rule.ROLES_ALTERNATE, Rule.NOTE_PLACE, Rule.THINKING_UNTOUCHED, Rule.THINKING_KEPT}


def ours(messages: list[dict[str, Any]], case: Case) -> Rule | None:
    try:
        check(messages, TOOLS, paused=case.paused, history=case.history)
    except InvalidHistory as invalid:
        return invalid.rule
    return None


def simulators(messages: list[dict[str, Any]]) -> str | None:
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in TOOLS]
    request = {"model": "claude-opus-5-5", "max_tokens": 9, "messages": messages, "tools": tools}
    try:
        validate.check(request)
    except Refused as refused:
        return refused.message
    return None


@given(cases())
def test_both_take_what_is_built(case: Case) -> None:
    messages = built(case)
    assert (ours(messages, case), simulators(messages)) == (None, None)


@settings(max_examples=400, suppress_health_check=[HealthCheck.filter_too_much])
@given(cases(), st.sampled_from(list(SPOILS)), st.data())
def test_both_refuse_what_is_spoilt(case: Case, spoil: Spoil, data: st.DataObject) -> None:
    messages = copy.deepcopy(built(case))
    spoil(messages, data)
    rule, refusal = ours(messages, case), simulators(messages)
    event(spoil.__name__)
    assert rule is not None
    assert refusal is not None or rule in STRICTER, f"{rule}: the simulator takes it"
