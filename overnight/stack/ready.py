"""Readiness checks: each answers at once, or within a second when the other side hangs."""

import http.client
import socket
from urllib.parse import urlsplit

from overnight.stack.child import Check
from overnight.stack.ports import LOOPBACK

TIMEOUT = 1.0


def http_answers(url: str) -> Check:
    """Passes when the address gives any HTTP answer, whatever its status."""
    parts = urlsplit(url)

    def check() -> bool:
        connection = http.client.HTTPConnection(parts.hostname or LOOPBACK, parts.port, timeout=TIMEOUT)
        try:
            connection.request("GET", parts.path or "/")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    return check


def redis_answers(port: int, password: str) -> Check:
    """Passes when the Redis on this loopback port takes the password and answers PING (not while it loads its file)."""
    # By hand because importing redis-py takes 0.6 s, six times as long as Redis needs to start.
    request = b"AUTH %s\r\nPING\r\n" % password.encode()

    def check() -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=TIMEOUT) as connection:
                connection.sendall(request)
                with connection.makefile("rb") as replies:
                    return replies.readline() == b"+OK\r\n" and replies.readline() == b"+PONG\r\n"
        except OSError:
            return False

    return check
