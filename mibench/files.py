"""Files that a reader sees whole or not at all, whatever dies meanwhile."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes to a temporary file beside `path`, which then takes its place.

    Args:
        path: the file; its folder is made if need be.
        write: puts the contents into an open binary file.

    Raises:
        OSError: the file system refuses; what was there before is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")  # not of `tempfile`, whose files others cannot read
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
