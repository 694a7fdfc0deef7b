"""Patterns of column names as one value of a selector: `age;gene_*`.

What a selector would read otherwise is written as `%` and two hexadecimal digits, as in addresses of the web: `a,b` is
`a%2Cb`. Brackets that are closed stay as they are, as in `mass [kg]`, and so does a `%` that begins no such code.
"""

import re
from collections.abc import Sequence

SEPARATOR = ";"
UNSPELLABLE = f"[],|{SEPARATOR}"
"""What stands for something else in a selector, or between patterns."""
_BLANKS = "".join(sign for sign in map(chr, range(256)) if sign.isspace())
_CODES = {f"%{ord(sign):02X}": sign for sign in f"%{UNSPELLABLE}{_BLANKS}"}
_CODE = re.compile("|".join(_CODES))
_CLOSED = re.compile(r"([^\[\]]|\[[^\[\]]*\])*")


def spell_patterns(patterns: Sequence[str]) -> str:
    """Patterns in one text, from which `read_patterns` makes the same ones."""
    return SEPARATOR.join(map(_spell, patterns))


def read_patterns(text: str) -> tuple[str, ...]:
    """The patterns that a text holds."""
    return tuple(_CODE.sub(lambda code: _CODES[code[0]], part) for part in text.split(SEPARATOR) if part)


def _spell(pattern: str) -> str:
    marks = UNSPELLABLE.strip("[]") if _CLOSED.fullmatch(pattern) else UNSPELLABLE
    text = re.sub(f"[{re.escape(marks)}]", _code, _CODE.sub(lambda code: _code("%") + code[0][1:], pattern))
    return re.sub(rf"^[{_BLANKS}]|[{_BLANKS}]$", _code, text)


def _code(sign: "re.Match[str] | str") -> str:
    return f"%{ord(sign[0]):02X}"
