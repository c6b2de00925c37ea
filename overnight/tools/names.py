"""Names that tools may have: Claude calls tools by them, agents list them, and the ledger keeps them."""

import re

#: As the Messages API has it.
VALID = re.compile(r"[a-zA-Z0-9_-]{1,128}")

OVERNIGHT = ("wait", "report_progress", "ask_human")
BUILTIN = ("bash", "read", "write", "edit", "glob", "grep")
#: Of Anthropic's agent toolset where Anthropic runs it, and not of ours.
HOSTED = ("web_fetch", "web_search")
RESERVED = frozenset({*OVERNIGHT, *BUILTIN, *HOSTED})

#: Types of the tools that Claude's side runs: whatever follows is a version.
SERVER_TYPE = re.compile(r"(web_search|web_fetch|code_execution|tool_search_tool)_[a-z0-9_]+")

#: What to do about a name that will not do.
REMEDY = "give another with @beta_tool(name=…)"
