"""Parts of the sentences that recommend an estimate."""

from typing import Any

from mibench.text import number


def two_sentences(first: str, rest: list[str]) -> str:
    """A sentence, and a second one of what else is to be said."""
    second = "; ".join(filter(None, rest))
    return f"{first} {second[0].upper()}{second[1:]}." if second else first


def subject(names: list[str], singular: str, plural: str) -> str:
    """Names, and the verb that their number takes."""
    return f"{', '.join(names)} {singular if len(names) == 1 else plural}"


def span_of(row: Any) -> str:
    """The ends of an interval."""
    return f"{number(row.low)} to {number(row.high)}"
