"""A small MCP server: `python mcp_server.py stdio` or `http PORT [TOKEN]`."""

import os
import sys
import time

from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("tiny", log_level="WARNING")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def pid() -> str:
    """Say which process this is."""
    return str(os.getpid())


@server.tool(name="with.dot")
def dotted() -> str:
    """Have a name that the Messages API does not take."""
    return "dotted"


@server.tool()
def die() -> str:
    """End the server."""
    os._exit(3)


@server.tool()
def environment(variable: str) -> str:
    """Tell a variable."""
    return os.environ.get(variable, "unset")


@server.tool()
def slow() -> str:
    """Take a minute."""
    time.sleep(60)
    return "done"


@server.tool(structured_output=False)
def silent() -> None:
    """Say nothing."""


def main() -> None:
    if sys.argv[1] == "stdio":
        server.run()
        return
    import uvicorn

    app = server.streamable_http_app()
    uvicorn.run(_guarded(app, sys.argv[3]) if len(sys.argv) > 3 else app, port=int(sys.argv[2]), log_level="warning")


def _guarded(app, token):
    async def guarded(scope, receive, send):
        if scope["type"] == "http" and dict(scope["headers"]).get(b"authorization") != f"Bearer {token}".encode():
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    return guarded


if __name__ == "__main__":
    main()
