"""The governor over a real Redis: the scripts decide as the Python does, and a Redis that is away holds nobody up."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from redis import Redis
from redis.exceptions import RedisError

from overnight import rate_limits
from overnight.pricing import Tokens
from overnight.rate_limits import credential_of, keys_of, pools
from overnight.settings import Settings
from tests.servers import free_port, redis_command, temporary_folder
from worker.governor.asking import Grant, Refusal, Wish
from worker.governor.governor import Governor
from worker.governor.headers import NOTHING, Seen
from worker.governor.pool import Pool
from worker.governor.shared import Shared

FAMILY = "sonnet"
SIXTY = Seen((60.0, None, None), (60.0, None, None))
HEADERS = {"anthropic-ratelimit-requests-limit": "60", "anthropic-ratelimit-requests-remaining": "60"}


@dataclass
class Server:
    url: str
    process: "subprocess.Popen[bytes]"

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    port = free_port()
    with temporary_folder() as folder:
        process = subprocess.Popen(redis_command(port, folder), stdout=subprocess.DEVNULL)
        try:
            yield Server(_answering(f"redis://127.0.0.1:{port}/0"), process)
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


def _answering(url: str) -> str:
    ends = time.monotonic() + 20
    with Redis.from_url(url) as redis:
        while time.monotonic() < ends:
            try:
                redis.ping()
            except RedisError:
                time.sleep(0.02)
            else:
                return url
    raise AssertionError("Redis did not start")


@pytest.fixture
def redis(server: Server) -> Iterator[Redis]:
    with Redis.from_url(server.url) as redis:
        redis.flushall()
        yield redis


@pytest.fixture
def shared(server: Server, redis: Redis) -> Shared:
    return Shared(server.url, "key")


@pytest.fixture
def settings(server: Server, redis: Redis) -> Settings:
    return Settings(_env_file=None, redis_url=server.url)


@pytest.fixture
def governor(settings: Settings) -> Iterator[Governor]:
    made = Governor(settings, "test#1")
    made.start()
    yield made
    made.close()


def wish(name: str, tenant: str = "t", *, is_background: bool = False) -> Wish:
    return Wish(name, tenant, is_background, (1.0, 10.0, 5.0))


def until(condition: object, what: str) -> None:
    ends = time.monotonic() + 10
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < ends, what
        time.sleep(0.02)


@pytest.mark.parametrize("seed", range(4))
def test_the_scripts_decide_as_the_python_does(shared: Shared, seed: int) -> None:
    dice = random.Random(seed)
    pool = Pool(shared.reserve(FAMILY, wish("first")).at)
    pool.reserve(pool.at, wish("first"))
    seen = Seen((60.0, 6_000.0, 3_000.0), (58.0, None, None))
    shared.admit(FAMILY, "first", seen)
    pool.admit(pool.at, "first", seen)
    decided = set()
    for number in range(300):
        name = f"s{dice.randrange(40)}"
        asked = wish(name, f"t{dice.randrange(3)}", is_background=dice.random() < 0.3)
        theirs = shared.reserve(FAMILY, asked)
        ours = pool.reserve(theirs.at, asked)
        assert (theirs.delay is None, theirs.more) == (ours.delay is None, ours.more), number
        assert theirs.delay == pytest.approx(ours.delay, abs=0.1), number
        decided.add(theirs.delay is None)
        if theirs.delay is not None:
            continue
        now = theirs.at
        if dice.random() < 0.05:
            overload = dice.random() < 0.5
            shared.close(FAMILY, name, now, 0.0, NOTHING, is_overload=overload)
            pool.close(now, name, now, 0.0, NOTHING, is_overload=overload)
        else:
            shared.admit(FAMILY, name, NOTHING)
            pool.admit(now, name, NOTHING)
        used = (1.0, float(dice.randrange(20)), float(dice.randrange(10)))
        back = (0.0, 10 - used[1], 5 - used[2])
        shared.settle(FAMILY, name, back, used)
        pool.settle(now, name, back, used)
    assert decided == {True, False}
    shared.close(FAMILY, "x", pool.at, None, NOTHING, is_overload=True)
    pool.close(pool.at, "x", pool.at, None, NOTHING, is_overload=True)
    assert shared.reserve(FAMILY, wish("last")).delay == pytest.approx(
        pool.reserve(pool.at, wish("last")).delay, abs=0.1
    )


def test_every_key_passes_away(shared: Shared, redis: Redis) -> None:
    shared.admit(FAMILY, "a", SIXTY)
    for number in range(70):
        shared.reserve(FAMILY, wish(f"s{number}"))
    kept = list(redis.scan_iter("overnight:governor:*"))
    assert len(kept) == len(keys_of("key", FAMILY))
    assert all(0 < int(redis.ttl(key)) <= 86_400 for key in kept)


def test_no_key_tells_the_credential(server: Server, redis: Redis) -> None:
    settings = Settings(_env_file=None, redis_url=server.url, ANTHROPIC_API_KEY="sk-ant-secret")
    governor = Governor(settings, "test#1")
    governor.start()
    assert isinstance(ask(governor, "a"), Grant)
    governor.close()
    stored = [key.decode() for key in redis.scan_iter("*")]
    assert stored
    assert not [key for key in stored if "secret" in key]


def ask(governor: Governor, name: str, model: str = "claude-sonnet-5-5") -> Grant | Refusal:
    return governor.reserve(*governor.wish(name, model, 1_000, tenant="t"))


def serve(governor: Governor, name: str) -> None:
    grant = ask(governor, name)
    assert isinstance(grant, Grant)
    governor.heard(grant, HEADERS)
    governor.settle(grant, Tokens(input_tokens=10, output_tokens=5))


def test_two_processes_share_one_limit(governor: Governor, settings: Settings, redis: Redis) -> None:
    other = Governor(settings, "test#2")
    other.start()
    serve(governor, "first")
    until(lambda: pools(redis, credential_of(settings))[0].levels["requests"], "the limit is known")
    granted = sum(isinstance(ask(one, f"{n}"), Grant) for n in range(50) for one in (governor, other))
    assert granted <= 54
    other.close()


def test_a_refusal_closes_the_gate_for_all_and_for_one_family(
    governor: Governor, settings: Settings, redis: Redis
) -> None:
    grant = ask(governor, "a")
    assert isinstance(grant, Grant)
    governor.refused(grant, 30.0, {}, is_overload=True)
    until(lambda: pools(redis, credential_of(settings))[0].closed_for > 0, "the gate is closed")
    other = Governor(settings, "test#2")
    refused = ask(other, "b")
    assert isinstance(refused, Refusal)
    assert 14.0 <= refused.delay <= 30.0
    assert isinstance(ask(other, "b", "claude-haiku-5"), Grant)
    assert pools(redis, credential_of(settings))[-1].gate.startswith("closed for")


def test_far_limits_are_not_asked_again_and_again(governor: Governor, redis: Redis) -> None:
    for number in range(4):  # from then on the gate stands open
        grant = ask(governor, f"first{number}")
        assert isinstance(grant, Grant)
        governor.heard(grant, {"anthropic-ratelimit-requests-limit": "20000"})
    until(lambda: not _window(redis), "the gate stands open")
    redis.config_resetstat()
    for number in range(34):
        assert isinstance(ask(governor, f"s{number}"), Grant)
    asked = sum(int(told["calls"]) for name, told in redis.info("commandstats").items() if name == "cmdstat_evalsha")
    assert asked <= 3


def _window(redis: Redis) -> float:
    pool = next(key for key in redis.scan_iter("overnight:governor:*:sonnet"))
    return float(redis.hget(pool, "window") or 1)  # type: ignore[arg-type]


def test_a_grant_that_is_put_back_serves_another(governor: Governor, redis: Redis) -> None:
    for number in range(4):
        grant = ask(governor, f"first{number}")
        assert isinstance(grant, Grant)
        governor.heard(grant, {})
    until(lambda: not _window(redis), "the gate stands open")
    assert isinstance(ask(governor, "a"), Grant)
    family, wanted = governor.wish("b", "claude-sonnet-5-5", 1_000, tenant="t")
    ahead = governor.at_once(family, wanted)
    assert ahead is not None
    governor.put_back(ahead)
    in_hand = 0
    while governor.at_once(family, wanted) is not None:
        in_hand += 1
    assert in_hand == 16


def test_a_frozen_redis_holds_nobody_up_for_long_and_once(
    governor: Governor, settings: Settings, server: Server
) -> None:
    serve(governor, "first")
    server.freeze()
    try:
        began = time.monotonic()
        answers = [ask(governor, f"s{number}") for number in range(100)]
        took = time.monotonic() - began
    finally:
        server.thaw()
    granted = sum(isinstance(answer, Grant) for answer in answers)
    assert took < 0.8
    assert 0 < granted <= 60, "by what this process knows"
    until(lambda: not governor.is_alone, "it is noticed that Redis is back")


def test_workers_that_are_alone_keep_to_their_share(settings: Settings, server: Server, redis: Redis) -> None:
    one, two = Governor(settings, "test#1"), Governor(settings, "test#2")
    for each in (one, two):
        each.start()
    until(lambda: int(redis.zcard(rate_limits.WORKERS)) == 2, "both have come")
    serve(one, "first")
    until(lambda: one.workers == 2, "one knows of the other")
    server.freeze()
    try:
        granted = sum(isinstance(ask(one, f"s{number}"), Grant) for number in range(100))
    finally:
        server.thaw()
    assert 0 < granted <= 31
    for each in (one, two):
        each.close()
