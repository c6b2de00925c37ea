"""How the work on one session is stopped: the right task, the right reason, whatever comes at the same time."""

import time
from concurrent.futures import Future
from datetime import UTC, datetime

from overnight.store.leases import Lease
from worker.held import Halt, Held, Holdings

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def lease(session_id: str = "sesn_1") -> Lease:
    return Lease(
        session_id=session_id,
        workspace_id="w",
        owner="n#1",
        token=1,
        inbox=1,
        ledger_seq=0,
        context_from=0,
        context_cut=0,
        agent_id="agent_default",
        agent_version=1,
        overrides=None,
        environment_id="env_default",
        model="m",
        system=None,
        budget_nanousd=None,
        budget_tokens=None,
        max_tokens=1,
        user_id=None,
        created_at=NOW,
        idle_since=None,
        notified_at=None,
        summary_attempts=0,
        now=NOW,
    )


def held_at(task_id: str) -> Held:
    held = Held(lease(), time.monotonic() + 30)
    held.turn_to(task_id)
    return held


def test_a_halt_cancels_the_call_under_way() -> None:
    held, call = held_at("task_1"), Future[object]()
    with held.calling(call):
        assert not call.cancelled()
        held.halt(Halt.CANCEL, "task_1")
        assert call.cancelled()
    assert held.reason is Halt.CANCEL


def test_a_halt_that_came_before_the_call_cancels_it_at_once() -> None:
    held, call = held_at("task_1"), Future[object]()
    held.halt(Halt.DRAIN)
    with held.calling(call):
        assert call.cancelled()


def test_a_halt_after_the_call_leaves_it_alone() -> None:
    held, call = held_at("task_1"), Future[object]()
    with held.calling(call):
        pass
    held.halt(Halt.LOST)
    assert not call.cancelled()


def test_a_stop_of_another_task_is_not_for_this_one() -> None:
    held = held_at("task_2")
    held.halt(Halt.CANCEL, "task_1")
    assert held.reason is None


def test_a_stop_that_came_too_late_does_not_reach_the_next_task() -> None:
    """The reply was whole before the cancel was seen: the task has succeeded, and the one behind it goes on."""
    held, reply = held_at("task_1"), Future[object]()
    with held.calling(reply):
        reply.set_result("whole")
        held.halt(Halt.CANCEL, "task_1")
        assert reply.result() == "whole"
    held.turn_to("task_2")
    following = Future[object]()
    with held.calling(following):
        assert not following.cancelled()
    assert held.reason is None


def test_the_first_reason_counts_but_a_lost_lease_wins_and_stays() -> None:
    held = held_at("task_1")
    held.halt(Halt.INTERRUPT, "task_1")
    held.halt(Halt.DRAIN)
    assert held.reason is Halt.INTERRUPT
    held.halt(Halt.LOST)
    held.halt(Halt.CANCEL, "task_1")
    held.turn_to("task_2")
    assert held.reason is Halt.LOST


def test_a_drain_stays_over_tasks() -> None:
    held = held_at("task_1")
    held.halt(Halt.DRAIN)
    held.turn_to("task_2")
    assert held.reason is Halt.DRAIN


def test_only_leases_that_run_out_are_halted() -> None:
    holdings, asked_at = Holdings(), time.monotonic()
    with (
        holdings.holding(lease("sesn_old"), 1.0, asked_at - 0.95) as old,
        holdings.holding(lease("sesn_new"), 30.0, asked_at) as new,
    ):
        assert holdings.halt_unproven(margin=0.1) == 1
        assert (old.reason, new.reason) == (Halt.LOST, None)
        holdings.halt_all(Halt.DRAIN)
        assert (old.reason, new.reason) == (Halt.LOST, Halt.DRAIN)
    assert holdings.every() == {}


def test_a_pause_drops_a_request_and_lets_tools_finish() -> None:
    held, call = Held(lease(), 1e9), Future[None]()
    held.halt(Halt.PAUSE)
    with held.calling(call, may_finish=True):
        assert not call.cancelled()
        held.halt(Halt.CANCEL)
        assert call.cancelled(), "who wants it stopped does not wait"
    assert held.reason is Halt.CANCEL
    request = Future[None]()
    with held.calling(request):
        assert request.cancelled()


def test_a_pause_holds_for_the_next_task_too() -> None:
    held = Held(lease(), 1e9)
    held.turn_to("task_1")
    held.halt(Halt.PAUSE)
    held.turn_to("task_2")
    assert held.reason is Halt.PAUSE
