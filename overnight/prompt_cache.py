"""What Claude's prompt cache holds, and for how long: taken at its word when the next request is guessed."""

from datetime import timedelta

#: Five minutes or an hour; less the time until the request is there.
HOLDS, HOLDS_LONG = timedelta(seconds=270), timedelta(seconds=3_540)
#: Tokens; shorter prompts are not cached.
SHORTEST = 1_024
