"""Atomic writes, and the files of one trial: its checkpoint while it runs, its artifacts for good."""

import errno
import json
import lzma
import os
import re
import shutil
import stat
import struct
import sys
import tokenize
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mibench.errors import StoreError
from mibench.text import lacks_memory, message_of, printable

DAMAGED: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    MemoryError,
    SyntaxError,
    RuntimeError,  # encrypted, or compressed in a way that Python lacks
    struct.error,
    tokenize.TokenError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy raises where a file of arrays is damaged."""


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


_NOT_REPLACED = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY})
"""The errors of a folder that takes no new file, though a file in it can be written."""


def write_named(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes the file that a user named: a regular file whole or not at all, a device or a pipe as it is.

    Args:
        path: the file, or a link to it; its folder is made if need be.
        write: puts the contents into an open binary file.

    Raises:
        OSError: the file system refuses; what was there before is kept, but where its folder takes no new file.
    """
    file = path.resolve()  # so that a link goes on leading there

    def replacing(opened: IO[bytes]) -> None:
        write(opened)
        if file.exists():
            shutil.copymode(file, opened.name)

    if not _is_stream(path):
        try:
            write_whole(file, replacing)
        except OSError as error:
            if error.errno not in _NOT_REPLACED or not file.is_file():
                raise
        else:
            return
    with path.open("wb") as opened:
        write(opened)


def _is_stream(path: Path) -> bool:
    """Whether it is a device, a pipe, or a link such as `/dev/stdout` to what this process has open."""
    of_system = path.is_symlink() and path.absolute().parts[1] in {"dev", "proc"}
    return of_system or (path.exists() and not path.is_file())


_TO_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_PART = 2**16
"""Bytes that are read at a time: most records are smaller."""


def open_regular(path: Path) -> IO[bytes]:
    """Opens a regular file, or a link to one, to read; what could block or never end is not opened.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    return open(_open_regular(path), "rb")


def read_bounded(path: Path, largest: int) -> bytes:
    """The contents of a regular file; what could block or never end is not opened.

    Args:
        path: the file, or a link to one.
        largest: how many bytes it may have.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger.
    """
    handle = _open_regular(path)
    try:
        parts, size = list[bytes](), 0
        while size <= largest and (part := os.read(handle, _PART)):
            parts.append(part)
            size += len(part)
            if len(part) < _PART:
                break  # a regular file gives less only at its end
    finally:
        os.close(handle)
    if size > largest:
        raise OSError(f"{path.name} is larger than {largest:,} bytes")
    return b"".join(parts)


def _open_regular(path: Path) -> int:
    handle = os.open(path, _TO_READ)
    if stat.S_ISREG(os.fstat(handle).st_mode):  # by its handle, so that it is the file that is read
        return handle
    os.close(handle)
    raise OSError(f"{path.name} is no regular file")


SET_ASIDE = ".invalid"
"""The ending of a file that stood in the place of a record or of a checkpoint."""


def set_aside(path: Path) -> Path:
    """Renames a file that is not what belongs in its place, and returns its new path.

    Raises:
        OSError: the file system refuses.
    """
    return path.replace(path.with_suffix(f".{uuid.uuid4().hex[:8]}{SET_ASIDE}"))


_STATE, _PROGRESS = ".pt", ".progress"


@dataclass
class Checkpoint:
    """Two files of one trial, which are removed when it is done.

    Attributes:
        stem: their path without an ending; `None` keeps nothing.
        spent: seconds that killed processes had spent on what was resumed, which the record's seconds include.
    """

    stem: Path | None = None
    spent: float = 0.0

    def load(self) -> Any | None:
        """The state that was saved last; `None` if there is none.

        A file that is damaged, or holds more than data, is set aside, and a line on standard error says so.

        Raises:
            StoreError: the file system refuses, or memory is short.
        """
        path = self._path(_STATE)
        if path is None or not path.is_file():
            return None
        import torch  # the coordinator reads progress without it

        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # damage raises whatever comes of it
            if isinstance(error, OSError) or lacks_memory(error):
                raise StoreError(f"cannot read the checkpoint {path}: {message_of(error)}") from error
        try:
            aside = set_aside(path)
        except OSError as error:
            raise StoreError(f"cannot rename the checkpoint {path}, which is damaged: {error.strerror}") from error
        self.clear()  # of what progress it told
        line = f"mibench: the checkpoint {path} is damaged: it is kept as {aside.name}, and its trial starts again"
        print(printable(line), file=sys.stderr, flush=True)
        return None

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
    """Yields (key, fraction done) for each running trial, by the checkpoints in a folder."""
    for path in sorted(folder.glob(f"*{_PROGRESS}")):
        try:
            done, total = json.loads(read_bounded(path, 1000))
            yield path.stem, float(done / total)
        except (OSError, ValueError, TypeError, ZeroDivisionError, OverflowError, RecursionError):
            continue  # it ended or is being written at this moment


def checkpointed(folder: Path) -> set[str]:
    """The keys of the trials whose state a folder of checkpoints holds."""
    return {path.stem for path in folder.glob(f"*{_STATE}")}


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Artifacts:
    """The files of one trial.

    Attributes:
        folder: where they go; `None` keeps nothing.
    """

    folder: Path | None = None

    def files(self) -> list[Path]:
        """The files that were written, by name.

        Raises:
            StoreError: the folder cannot be listed.
        """
        try:
            there = sorted(self.folder.iterdir()) if self.folder and self.folder.is_dir() else []
        except OSError as error:
            raise StoreError(f"cannot read {self.folder}: {error.strerror}") from error
        return [path for path in there if _NAME.fullmatch(path.name) and path.is_file()]

    def write(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        """Replaces the file `name`, whole or not at all.

        Args:
            name: letters, digits, `.`, `_` and `-`; no path.
            write: puts the contents into an open binary file.

        Raises:
            ValueError: the name is not allowed.
            StoreError: the file system refuses.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a file: use letters, digits, '.', '_' and '-'")
        if self.folder is None:
            return
        try:
            write_whole(self.folder / name, write)
        except OSError as error:
            raise StoreError(f"cannot write {self.folder / name}: {error.strerror}") from error
