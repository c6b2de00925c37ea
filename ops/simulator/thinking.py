"""Thinking blocks and their signatures: one that was altered on its way back is recognised."""

import base64
import hashlib
import hmac

from ops.simulator.conversation import Block

PREFIX = "Sim"
THOUGHT = "The user wants an answer. I am a simulator, so I think of nothing, in a few words, and sign it."


def sign(thinking: str) -> str:
    digest = hmac.digest(b"simulator", thinking.encode("utf-8", "surrogatepass"), hashlib.sha384)
    return PREFIX + base64.b64encode(digest).decode()


def thought(words: str) -> Block:
    return {"type": "thinking", "thinking": words, "signature": sign(words)}


def is_intact(thinking: str, signature: str) -> bool:
    """Signatures that are not of this simulator cannot be judged and pass."""
    return not signature.startswith(PREFIX) or hmac.compare_digest(signature, sign(thinking))
