"""What the hub passes on, and that it can be closed at any moment."""

import asyncio

from api.feed import MOST_FRAMES, Feed
from api.hub import Hub
from overnight import live
from tests.api.support import RedisServer

ALL = frozenset({"agent.message"})


def test_a_feed_keeps_what_was_heard_from_its_start() -> None:
    async def story() -> None:
        feed = Feed(ALL)
        start, delta = live.event_start("a"), live.event_delta("a", "x")
        for frame in (live.event_delta("b", "?"), start, delta):
            feed.hear(frame)
        assert feed.take_frames() == [start, delta]
        assert feed.take_frames() == []

    asyncio.run(story())


def test_a_feed_passes_only_what_was_asked_for() -> None:
    async def story() -> None:
        feed = Feed(frozenset({"agent.thinking"}))
        feed.hear(live.event_start("a"))
        feed.hear(live.event_delta("a", "x"))
        assert feed.take_frames() == []

    asyncio.run(story())


def test_a_preview_ends_with_its_event() -> None:
    async def story() -> None:
        feed = Feed(ALL)
        feed.hear(live.event_start("a"))
        feed.hear(live.event_delta("a", "x"))
        feed.hear(live.event_start("b"))
        feed.close_preview("a")
        feed.hear(live.event_delta("a", "late"))
        feed.hear(live.event_start("a"))
        assert feed.take_frames() == [live.event_start("b")]

    asyncio.run(story())


def test_a_slow_reader_loses_previews_and_not_memory() -> None:
    async def story() -> None:
        feed = Feed(ALL)
        feed.hear(live.event_start("a"))
        for number in range(2 * MOST_FRAMES):
            feed.hear(live.event_delta("a", str(number)))
        assert feed.take_frames() == []
        feed.hear(live.event_start("b"))
        assert feed.take_frames() == [live.event_start("b")]

    asyncio.run(story())


def test_it_closes_whatever_it_is_doing(redis_server: RedisServer) -> None:
    async def story() -> None:
        for step in range(30):
            async with asyncio.timeout(10), Hub(redis_server.url) as hub:
                with hub.attach("sesn_1", ALL):
                    await asyncio.sleep(step * 0.001)

    asyncio.run(story())


def test_it_says_whether_redis_answers(own_redis: RedisServer) -> None:
    async def story() -> None:
        async with Hub(own_redis.url) as hub:
            assert await hub.is_up()
            own_redis.freeze()
            assert not await hub.is_up(0.2)
            own_redis.thaw()
            own_redis.kill()
            assert not await hub.is_up()

    asyncio.run(story())
