"""What may keep a step from its tools."""


class ToolsUnavailable(Exception):
    """An MCP server does not answer now; the step can be tried again later."""

    def __init__(self, server: str, reason: str) -> None:
        self.server = server
        self.reason = reason
        super().__init__(f"MCP server {server} is not available: {reason}")
