"""Text in columns, as CSV is: why it cannot be read as what it should be, in the words of whoever wrote it."""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import islice

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
"""What columns are separated by in files that people have."""
_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def misread(contents: bytes, separator: str) -> str:
    """What keeps a file from being a table, and what to do; empty if nothing is seen.

    Args:
        contents: of the file.
        separator: what its columns should be separated by.
    """
    return (
        ("" if contents.strip() else "it is empty")
        or _encoding(contents)
        or _other_separator(contents, separator)
        or _misfit(contents, separator)
    )


def _encoding(contents: bytes) -> str:
    for mark, name in _WIDE.items():
        if contents.startswith(mark):
            return f"it is in {name}: save it in UTF-8, as `iconv -f {name} -t UTF-8` does"
    try:
        contents.decode()
    except UnicodeDecodeError as error:
        if b"\0" in contents:
            return "it is no text"
        line = contents.count(b"\n", 0, error.start) + 1
        return (
            f"line {line:,} is not in UTF-8, but maybe in Latin-1: save it in UTF-8, as `iconv -f LATIN1 -t UTF-8` does"
        )
    return ""


def _other_separator(contents: bytes, separator: str) -> str:
    """What splits the header and the line below it into as many fields, where `separator` leaves the header whole."""
    if len(next(_lines(contents, separator), [])) != 1:
        return ""
    for other, name in SEPARATORS.items():
        header, first = [*islice(_lines(contents, other), 2), [], []][:2]
        if other == separator or len(header) < 2 or len(header) != len(first):
            continue
        options = f"sep={other!r}" + (", decimal=','" if other != "," and any("," in cell for cell in first) else "")
        wanted = SEPARATORS[separator]
        return (
            f"its columns are separated by {name}, not {wanted}: save it with {wanted} and decimal points; "
            f"pandas.read_csv(FILE, {options}) reads it"
        )
    return ""


def _misfit(contents: bytes, separator: str) -> str:
    """The first line that has more fields than the header."""
    lines = _lines(contents, separator)
    header = next(lines, [])
    for number, fields in enumerate(lines, 1):
        if len(fields) <= len(header):
            continue
        if header[0].startswith("#"):
            return "its first line begins with '#', as comments do: remove such lines, so that the names come first"
        return (
            f"row {number:,} has {len(fields):,} fields, and the header has {len(header):,}: write decimals with "
            f"points, and a value that holds {SEPARATORS[separator]} in double quotes"
        )
    return ""


def _lines(contents: bytes, separator: str) -> Iterator[list[str]]:
    """The fields of all lines that hold something, up to one that cannot be split."""
    text = io.TextIOWrapper(io.BytesIO(contents), encoding="utf-8-sig", newline="")
    try:
        yield from filter(None, csv.reader(text, delimiter=separator))
    except csv.Error:
        return  # a field beyond the limit of the reader, or a null byte
