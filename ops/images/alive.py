"""A container's health check: `python -m ops.images.alive URL|NODE`, silent and 0 when well, else a line and 1.

A node is well when it has reported itself within the life of a lease: workers do so every third of it, and for the beat
its sweep does, which a worker runs every second.
"""

import sys
from http import HTTPStatus
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

PATIENCE = 3.0


def problem_of(target: str) -> str | None:
    """What is wrong with the address or node; None when nothing is."""
    return _problem_of_address(target) if target.startswith("http://") else _problem_of_node(target)


def _problem_of_address(url: str) -> str | None:
    opener = build_opener(ProxyHandler({}))  # a proxy for the outside knows nothing of this container
    try:
        with opener.open(url, timeout=PATIENCE) as answer:
            return None if answer.status == HTTPStatus.OK else f"{url} answers {answer.status}"
    except (URLError, OSError) as error:
        return f"{url}: {error}"


def _problem_of_node(name: str) -> str | None:
    from sqlalchemy.exc import SQLAlchemyError

    from overnight.settings import Settings
    from overnight.store import nodes
    from overnight.store.database import Database

    settings = Settings()
    database = Database(settings.sql_url, pool_size=1)
    try:
        with database.read() as connection:
            alive = {node.name for node in nodes.alive(connection, settings.lease_ttl)}
    except SQLAlchemyError as error:
        return f"database: {type(error).__name__}"
    return None if name in alive else f"{name} has not reported itself for {settings.lease_ttl:g} s"


if __name__ == "__main__":
    sys.exit(problem_of(sys.argv[1]))
