"""Arguments that do not fit, refused in one line that says what would."""

from collections.abc import Sequence
from typing import Any

from mibench.errors import UsageError
from mibench.text import suggestion, with_article


def refuse_other(name: str, given: Any, choices: Sequence[str]) -> None:
    """Refuses what is none of the choices.

    Raises:
        UsageError: in one line, with what there is.
    """
    if given not in choices:
        raise UsageError(f"`{name}` cannot be {given!r}; {suggestion(str(given), choices)}")


def refuse_unless(fits: bool, name: str, wanted: str, given: Any) -> None:
    """Refuses what does not fit.

    Raises:
        UsageError: in one line, with what is wanted and what was given.
    """
    if not fits:
        shown = repr(given) if isinstance(given, str | int | float | None) else with_article(type(given).__name__)
        raise UsageError(f"`{name}` is {wanted}, not {shown}")
