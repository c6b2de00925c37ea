"""Who carries a tool call out."""

from enum import StrEnum


class Kind(StrEnum):
    PYTHON = "python"
    BUILTIN = "builtin"
    ENVIRONMENT = "environment"  # its workers, which answer with `user.tool_result`
    MCP = "mcp"
    CUSTOM = "custom"  # the client, which answers with `user.custom_tool_result`
    SERVER = "server"  # Claude's side
    OVERNIGHT = "overnight"  # we ourselves: wait, report_progress, ask_human
    UNKNOWN = "unknown"  # nobody: the agent has no such tool, although Claude asked for it
