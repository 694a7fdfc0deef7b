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


def refuse_unless(fits: bool, name: str, wanted: str, given: Any) -> None:
    """Refuses what does not fit.

    Raises:
        UsageError: in one line, with what is wanted and what was given.
    """
    if not fits:
        shown = repr(given) if isinstance(given, str | int | float | None) else with_article(type(given).__name__)
        raise UsageError(f"`{name}` is {wanted}, not {shown}")
