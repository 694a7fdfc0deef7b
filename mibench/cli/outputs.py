"""Files and folders that a command writes at its end; that they can be written is checked before it does anything."""

import os
from pathlib import Path
from typing import Any

import click

from mibench.errors import UsageError

_PROBE = ".mibench-can-write"


class Output(click.Path):
    """The type of an option that names the file to write, or the folder to write into."""

    def __init__(self, *, folder: bool = False) -> None:
        super().__init__(file_okay=not folder, dir_okay=folder, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, while options are read, before the command does anything.

        Raises:
            UsageError: the file system refuses it.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not (ctx and ctx.resilient_parsing):
            refuse_unwritable(path / _PROBE if self.dir_okay else path, path)
        return path


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
