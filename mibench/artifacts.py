"""Files that a trial leaves behind for good, beside its record: trained networks, for instance."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mibench.errors import StoreError
from mibench.files import write_whole

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Artifacts:
    """The files of one trial.

    Attributes:
        folder: where they go; `None` keeps nothing.
    """

    folder: Path | None = None

    def write(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        """Replaces the file `name`, whole or not at all.

        Args:
            name: letters, digits, `.`, `_` and `-`; no path.
            write: puts the contents into an open binary file.

        Raises:
            ValueError: the name is none.
            StoreError: the file system refuses.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a file: letters, digits, '.', '_' and '-' are")
        if self.folder is None:
            return
        try:
            write_whole(self.folder / name, write)
        except OSError as error:
            raise StoreError(f"cannot write {self.folder / name}: {error.strerror}") from error
