"""Celery's consumer, telling Flower of its tasks a few times a second instead of one by one."""

from typing import Any

from celery.worker import consumer

EVENT_SECONDS = 0.25


class Consumer(consumer.Consumer):
    def register_with_event_loop(self, hub: Any) -> None:
        super().register_with_event_loop(hub)
        hub.call_repeatedly(EVENT_SECONDS, self._flush_events)  # type: ignore[attr-defined]

    def on_send_event_buffered(self) -> None:  # type: ignore[override]
        """The timer sends what has gathered; a full buffer goes at once."""
