"""`read`, `write` and `edit`: the SDK's names and inputs, in the workspace of the session alone."""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from anthropic import beta_tool
from anthropic.lib.tools import ToolError
from anthropic.lib.tools.agent_toolset import (
    DEFAULT_MAX_FILE_BYTES,
    DEFAULT_MAX_IMAGE_BASE64_BYTES,
    DEFAULT_MAX_PDF_BYTES,
)
from anthropic.types.beta import (
    BetaManagedAgentsAgentToolset20260401EditInput,
    BetaManagedAgentsAgentToolset20260401ReadInput,
    BetaManagedAgentsAgentToolset20260401WriteInput,
)

from overnight.tools import Context, OnCrash, tool
from worker.tools import beneath

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".pdf": "application/pdf",
}


@tool(on_crash=OnCrash.RETRY)
@beta_tool(name="read", input_schema=BetaManagedAgentsAgentToolset20260401ReadInput)
def read(context: Context, file_path: str, view_range: list[int] | None = None) -> Any:
    """Read a text file, an image or a PDF of the workspace; view_range is [first line, last line], -1 for the end."""
    if view_range and len(view_range) != 2:
        raise ToolError("read: view_range must be [start_line, end_line]")
    with _saying("read", file_path):
        parts = beneath.parts_of(context.workspace, file_path)
        with beneath.reading(context.workspace, parts) as file:
            media_type = MEDIA_TYPES.get(os.path.splitext(parts[-1])[1].lower())
            if media_type:
                return [_shown(file, media_type)]
            return _lines(file, *view_range) if view_range else _whole(file)


@tool(on_crash=OnCrash.RETRY)
@beta_tool(name="write", input_schema=BetaManagedAgentsAgentToolset20260401WriteInput)
def write(context: Context, file_path: str, content: str) -> str:
    """Write a whole file of the workspace, and make its folders."""
    raw = content.encode()
    with _saying("write", file_path):
        beneath.replace(context.workspace, beneath.parts_of(context.workspace, file_path), raw)
    return f"wrote {len(raw)} bytes to {file_path}"


@tool
@beta_tool(name="edit", input_schema=BetaManagedAgentsAgentToolset20260401EditInput)
def edit(context: Context, file_path: str, old_string: str, new_string: str, replace_all: bool | None = None) -> str:
    """Replace a text in a file of the workspace; it must occur exactly once, unless replace_all is true."""
    with _saying("edit", file_path):
        parts = beneath.parts_of(context.workspace, file_path)
        with beneath.reading(context.workspace, parts) as file:
            text = _whole(file)
        count = text.count(old_string) if old_string else 0
        if count == 0:
            raise ToolError("old_string was not found")
        if count > 1 and not replace_all:
            raise ToolError(f"old_string occurs {count} times; make it longer, or set replace_all")
        beneath.replace(context.workspace, parts, text.replace(old_string, new_string).encode())
    return f"edited {file_path} ({count} replaced)"


@contextmanager
def _saying(name: str, file_path: str) -> Iterator[None]:
    """What went wrong, with the path as Claude gave it and no other."""
    try:
        yield
    except ToolError as error:
        raise ToolError(f"{name}: {file_path}: {error}") from None
    except UnicodeDecodeError:
        raise ToolError(f"{name}: {file_path}: not UTF-8 text") from None
    except OSError as error:
        raise ToolError(f"{name}: {file_path}: {(error.strerror or 'i/o error').lower()}") from None


def _whole(file: BinaryIO) -> str:
    raw = file.read(DEFAULT_MAX_FILE_BYTES + 1)
    if len(raw) > DEFAULT_MAX_FILE_BYTES:
        raise ToolError(f"larger than {DEFAULT_MAX_FILE_BYTES} bytes; read it in parts, as with view_range [1, 500]")
    return raw.decode()


def _lines(file: BinaryIO, first: int, last: int) -> str:
    """From `first` to `last`, both included. Never holds more than may be shown, however long a line is."""
    found = bytearray()
    number = 1
    while (last < 1 or number <= last) and (piece := file.readline(DEFAULT_MAX_FILE_BYTES + 1)):
        if number >= first:
            found += piece
        if len(found) > DEFAULT_MAX_FILE_BYTES:
            raise ToolError(f"these lines are more than {DEFAULT_MAX_FILE_BYTES} bytes; take fewer")
        number += piece.endswith(b"\n")
    return found.decode().removesuffix("\n")


def _shown(file: BinaryIO, media_type: str) -> dict[str, Any]:
    is_pdf = media_type == "application/pdf"
    most = DEFAULT_MAX_PDF_BYTES if is_pdf else DEFAULT_MAX_IMAGE_BASE64_BYTES // 4 * 3
    raw = file.read(most + 1)
    if len(raw) > most:
        raise ToolError(f"larger than {most} bytes, the most that can be shown of {media_type}")
    data = base64.standard_b64encode(raw).decode()
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "document" if is_pdf else "image", "source": source}
