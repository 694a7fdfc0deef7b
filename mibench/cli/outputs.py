"""Files and folders that a command writes at its end; that they can be written is checked before it does anything."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import click

from mibench.errors import UsageError
from mibench.files import write_named

_PROBE = ".mibench-can-write"


PAGE = (".html", ".htm", "")
"""What the name of a page may end in; a pipe or a device has no ending."""


class Output(click.Path):
    """The type of an option that names the file to write, or the folder to write into.

    Args:
        *endings: what the file's name may end in, e.g. `.csv`; `""` for a name without a dot.
        folder: whether it is a folder.
    """

    def __init__(self, *endings: str, folder: bool = False) -> None:
        super().__init__(file_okay=not folder, dir_okay=folder, path_type=Path)
        self.endings = endings

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, while options are read, before the command does anything.

        Raises:
            UsageError: the file system refuses it, or its name ends in what is not written.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not (ctx and ctx.resilient_parsing):
            refuse_unwritable(path / _PROBE if self.dir_okay else path, path)
            self._refuse_ending(path)
        return path

    def _refuse_ending(self, path: Path) -> None:
        _, dot, ending = path.name.rpartition(".")
        if self.endings and (dot + ending.lower() if dot else "") not in self.endings:
            raise UsageError(f"--output ends in {' or '.join(filter(None, self.endings))}, and {path} does not")


def refuse_unwritable(file: Path, named: Path) -> None:
    """Tries whether a file can be written, and leaves all as it was.

    Only an attempt tells: permissions do not bind every user, and some file systems take no files.

    Args:
        file: the file.
        named: what the user named: the file or its folder.

    Raises:
        UsageError: it cannot be written.
    """
    made: list[Path] = []
    try:
        if file.exists():
            if file.is_file():  # a pipe or a device is not opened: that may wait for a reader
                file.open("ab").close()
            return
        for folder in reversed([parent for parent in file.parents if not parent.exists()]):
            folder.mkdir()
            made.append(folder)
        file.open("xb").close()
        made.append(file)
    except OSError as error:
        raise UsageError(f"cannot write {named}: {error.strerror}; choose another --output") from error
    finally:
        for path in reversed(made):
            if path is file:
                path.unlink()
            else:
                path.rmdir()


def save(output: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes the file that `--output` names, or one in the folder that it names.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        write_named(output, write)
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}; choose another --output") from error
