"""Random, prefixed identifiers: they say what they name and tell nothing else."""

import secrets

WORKSPACE = "wrkspc"
KEY = "key"
AGENT = "agent"
SESSION = "sesn"
TASK = "task"
EVENT = "sevt"
CALL = "call"
BUDGET = "bdgt"
ENVIRONMENT = "env"
WORK = "work"
SNAPSHOT = "snap"
TOMBSTONE = "tomb"
TRANSCRIPT = "trns"
REQUEST = "req"


def new_id(prefix: str) -> str:
    """`prefix_` and 128 random bits in hexadecimal."""
    return f"{prefix}_{secrets.token_hex(16)}"
