"""Arguments that do not fit, refused in one line that says what would."""

import contextlib
import math
import os
import re
from collections.abc import Generator, Sequence
from numbers import Integral, Number
from pathlib import Path
from typing import Any

from mibench.errors import MibenchError, UsageError
from mibench.text import suggestion, with_article

_OPTION = re.compile(r"(mibench [a-z]+ [^;,`]*)|--([a-z][a-z-]*)(?: (?!or\b|and\b)(\w+))?")
"""A command as a whole, or an option with its value."""
_ARGUMENTS = {"with": "rivals"}
"""What Python calls options, where it calls them something else."""


def in_python(text: str) -> str:
    """A message in words of Python: `missing="drop"` in place of `--missing drop`. Whole commands stay."""
    return _OPTION.sub(_argument, text)


def _argument(option: "re.Match[str]") -> str:
    command, name, value = option.groups()
    if command:
        return command
    name = _ARGUMENTS.get(name, name.replace("-", "_"))
    if name == "download":
        return f"`{name}=True`{f' {value}' if value else ''}"
    if value is None:
        return f"`{name}`"
    return f"`{name}={value}`" if value.isdigit() else f'`{name}="{value}"`'


@contextlib.contextmanager
def spoken_in_python() -> Generator[None]:
    """Within it, errors name arguments of Python in place of options of the command line.

    Raises:
        MibenchError: any that is raised within.
    """
    try:
        yield
    except MibenchError as error:
        error.args = tuple(in_python(part) if isinstance(part, str) else part for part in error.args)
        raise


def refuse_other(name: str, given: Any, choices: Sequence[str]) -> None:
    """Refuses what is none of the choices.

    Raises:
        UsageError: in one line, with what there is.
    """
    if given not in choices:
        raise UsageError(f"`{name}` cannot be {given!r}; {suggestion(str(given), choices)}")


def refuse_combination(estimator: str, rivals: Sequence[str], baseline: bool, references: Sequence[str]) -> None:
    """Refuses to compare in two ways at once, and rivals of nobody.

    Args:
        estimator: the one to compare with others; empty for another comparison.
        rivals: the others.
        baseline: whether there is a baseline.
        references: names of sets of references.

    Raises:
        UsageError: in one line.
    """
    if rivals and not estimator:
        raise UsageError("which estimator is to be compared? e.g. mibench compare mine --with infonce,mige")
    asked = {"other estimators": bool(estimator), "a baseline": baseline, "references": bool(references)}
    given = [name for name, is_given in asked.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"compare with {given[0]} or with {given[1]}, not with both")


def refuse_absent(results: Path, command: str) -> None:
    """Refuses a folder or file of results that is not there.

    Args:
        results: the folder or file.
        command: what makes some.

    Raises:
        UsageError: in one line.
    """
    if not results.exists():
        raise UsageError(f"there are no results in {results}: no such folder or file; `{command}` makes some")


def is_path(given: Any) -> bool:
    """Whether it names a file or folder."""
    return isinstance(given, str | os.PathLike) and bool(os.fspath(given))


def is_whole(given: Any, least: float = -math.inf) -> bool:
    """Whether it is a whole number, of Python or of numpy, that is not below the least."""
    return isinstance(given, int | Integral) and not isinstance(given, bool) and int(given) >= least


def refuse_unless(fits: bool, name: str, wanted: str, given: Any) -> None:
    """Refuses what does not fit.

    Raises:
        UsageError: in one line, with what is wanted and what was given.
    """
    if not fits:
        tells = isinstance(given, str | Number | None) or type(given).__name__ == "dtype"  # of torch, not imported here
        shown = repr(given) if tells else with_article(type(given).__name__)
        raise UsageError(f"`{name}` is {wanted}, not {shown}")
