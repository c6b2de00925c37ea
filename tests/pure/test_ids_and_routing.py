import re
from collections import Counter

import pytest

from overnight import ids
from overnight.ids import new_id
from overnight.routing import PARTITIONS, partition_of, queue_name, queue_names, queue_of

PREFIXES = {name: value for name, value in vars(ids).items() if name.isupper()}


def test_an_id_says_what_it_names_and_is_random() -> None:
    made = [new_id(ids.SESSION) for _ in range(2_000)]
    assert all(re.fullmatch(r"sesn_[0-9a-f]{32}", one) for one in made)
    assert len(set(made)) == len(made)


def test_prefixes_are_public_and_do_not_change() -> None:
    assert PREFIXES == {
        "WORKSPACE": "wrkspc",
        "KEY": "key",
        "AGENT": "agent",
        "SESSION": "sesn",
        "TASK": "task",
        "EVENT": "sevt",
        "CALL": "call",
        "ENVIRONMENT": "env",
        "WORK": "work",
        "REQUEST": "req",
        "BUDGET": "bdgt",
        "SNAPSHOT": "snap",
        "TOMBSTONE": "tomb",
        "TRANSCRIPT": "trns",
    }


@pytest.mark.parametrize(
    ("session_id", "partition"),
    [("sesn_0", 30), ("sesn_00000000000000000000000000000000", 28), ("sesn_é", 2), ("", 0)],
)
def test_a_session_keeps_its_partition_for_ever(session_id: str, partition: int) -> None:
    assert partition_of(session_id) == partition


def test_queues_are_numbered_and_named() -> None:
    assert PARTITIONS == 64
    assert queue_names()[0] == queue_name(0) == "overnight.p00"
    assert queue_names()[-1] == "overnight.p63"
    assert len(set(queue_names())) == 64
    assert queue_of("sesn_0") == "overnight.p30"


def test_sessions_spread_evenly() -> None:
    load = Counter(partition_of(new_id(ids.SESSION)) for _ in range(64_000))
    assert len(load) == PARTITIONS
    # 1,000 each on average, so a standard deviation of 32: six of them each way.
    assert 800 < min(load.values()) <= max(load.values()) < 1_200
