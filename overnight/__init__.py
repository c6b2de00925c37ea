"""Overnight: Claude agents that work for hours or days on your own Celery, Redis and SQL."""

__version__ = "0.1.0"
