"""What a long trial keeps while it runs: the state to go on from after a crash, and how far it has come."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mibench.errors import StoreError
from mibench.files import write_whole

_STATE, _PROGRESS = ".pt", ".progress"


@dataclass(frozen=True)
class Checkpoint:
    """Two files of one trial, which are removed when it is done.

    Attributes:
        stem: their path without an ending; `None` keeps nothing.
    """

    stem: Path | None = None

    def load(self) -> Any | None:
        """The state that was saved last; `None` if there is none.

        Raises:
            StoreError: the file is damaged, or holds more than data.
        """
        path = self._path(_STATE)
        if path is None or not path.is_file():
            return None
        import torch  # the coordinator reads progress without it

        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise StoreError(f"cannot read the checkpoint {path}: {error}; remove it to start anew") from error

    def save(self, state: Any) -> None:
        """Replaces what was saved, whole or not at all.

        Args:
            state: tensors, numbers, text and `None` in dicts and lists.

        Raises:
            StoreError: the file system refuses; what was saved before is kept.
        """
        path = self._path(_STATE)
        if path is None:
            return
        import torch

        try:
            write_whole(path, lambda file: torch.save(state, file))
        except (OSError, RuntimeError) as error:
            raise StoreError(f"cannot write the checkpoint {path}: {error}") from error

    def report(self, done: int, total: int) -> None:
        """Tells whoever watches that `done` of `total` steps are done.

        Raises:
            StoreError: the file system refuses.
        """
        path = self._path(_PROGRESS)
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps([done, total]), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from error

    def clear(self) -> None:
        """Forgets all of it."""
        for path in filter(None, (self._path(_STATE), self._path(_PROGRESS))):
            path.unlink(missing_ok=True)

    def _path(self, ending: str) -> Path | None:
        return None if self.stem is None else self.stem.with_name(self.stem.name + ending)


def progress(folder: Path) -> Iterator[tuple[str, float]]:
    """Of each trial under way, by its checkpoints in a folder, its key and the share of it that is done."""
    for path in sorted(folder.glob(f"*{_PROGRESS}")):
        try:
            done, total = json.loads(path.read_bytes())
            yield path.stem, done / total
        except (OSError, ValueError, TypeError, ZeroDivisionError):
            continue  # it ended or is being written at this moment
