"""What may keep a call, or a whole step, from its tools."""


class Halted(Exception):
    """The session is to stop: cancelled, interrupted, drained or lost. What the tool came to is nobody's result."""


class ToolsUnavailable(Exception):
    """An MCP server does not answer now; the step can be tried again later."""

    def __init__(self, server: str, reason: str) -> None:
        self.server = server
        self.reason = reason
        super().__init__(f"MCP server {server} is not available: {reason}")
