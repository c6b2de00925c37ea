"""Names that tools may have: Claude calls tools by them, agents list them, and the ledger keeps them."""

import re

#: As the Messages API has it.
VALID = re.compile(r"[a-zA-Z0-9_-]{1,128}")

OVERNIGHT = ("wait", "report_progress", "ask_human")
BUILTIN = ("bash", "read", "write", "edit", "glob", "grep")
RESERVED = frozenset({*OVERNIGHT, *BUILTIN, "web_search", "web_fetch"})


#: What to do about a name that will not do.
REMEDY = "give another with @beta_tool(name=…)"
