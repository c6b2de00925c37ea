"""A file that is written piece by piece and then sent: no slow reader holds a database connection."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from starlette.responses import StreamingResponse

#: Bytes kept in memory before the file goes to disk, and sent at once.
SMALL, PIECE = 1_048_576, 65_536


def sent(pieces: Iterable[str], name: str) -> StreamingResponse:
    """What raises at the first piece does so here, before anything of an answer is out."""
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=SMALL)  # noqa: SIM115 (closed when it is sent)
    try:
        for piece in pieces:
            file.write(piece.encode("ascii"))
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    headers = {"content-length": str(size), "content-disposition": f'attachment; filename="{name}.json"'}
    return StreamingResponse(_read(file), headers=headers, media_type="application/json")


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
