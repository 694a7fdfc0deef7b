"""Frames as text: a table to read, Markdown for pages, CSV and JSON for programs."""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mibench.cli import streams
from mibench.text import printable, text

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["table", "csv", "md", "json"]
FORMATS: tuple[Format, ...] = ("table", "csv", "md", "json")
_GAP = 2
"""Spaces between two columns of a table."""


def render(tables: "pd.DataFrame | Mapping[str, pd.DataFrame]", form: Format, *, below: Sequence[str] = ()) -> str:
    """A table, or several by name, in one of `FORMATS`.

    Args:
        tables: what to show. `table` and `md` leave out empty columns; `table` ends with the frame's `attrs["note"]`.
            Of several tables each has its name above it; in `csv` and `json` they become one, with their names in the
            column `task`.
        form: one of `FORMATS`.
        below: columns that a line below a `table` says, where all of several rows say the same.
    """
    named = tables if isinstance(tables, Mapping) else {"": tables}
    if form in {"csv", "json"}:
        frame = _joined(named)
        return _csv(frame) if form == "csv" else _json(frame)
    draw: Callable[[pd.DataFrame], str] = _table if form == "table" else _markdown
    filled = [_filled(frame) for frame in named.values()]
    if form == "table" and below:
        from mibench.tables import with_constants_below

        filled = [with_constants_below(frame, below) if len(frame) > 1 else frame for frame in filled]
    drawn = list(map(draw, filled))
    if len(drawn) > 1:
        title = "{}\n" if form == "table" else "**{}**\n\n"
        drawn = [title.format(printable(name)) + table for name, table in zip(named, drawn, strict=True)]
    return "\n".join(drawn)


def write(tables: "pd.DataFrame | Mapping[str, pd.DataFrame]", form: Format, *, below: Sequence[str] = ()) -> None:
    """Writes what `render` makes to standard output, and notes that it has no place for to standard error."""
    streams.write(render(tables, form, below=below))
    if form != "table":
        for frame in tables.values() if isinstance(tables, Mapping) else [tables]:
            for line in frame.attrs.get("note", "").splitlines():
                streams.say(f"  {line}")


def _table(frame: "pd.DataFrame") -> str:
    from rich.console import Console

    stdout = streams.stream()
    terminal = Console(file=stdout)
    bold = terminal.is_terminal and not terminal.no_color
    columns = [str(name) for name in frame.columns]
    right = [not _is_text(frame[name]) for name in frame.columns]
    rows = [[printable(cell).expandtabs() for cell in row] for row in (columns, *_cells(frame))]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    fits = not stdout.isatty() or sum(widths) + _GAP * (len(widths) - 1) <= terminal.width  # a pipe has no width
    lines = _lines(rows, widths, right, bold) if fits else _folded(rows, right, terminal.width, bold)
    note = f"\n{printable(str(frame.attrs['note']))}\n" if "note" in frame.attrs else ""
    return "".join(f"{line.rstrip()}\n" for line in lines) + note


def _width(cell: str) -> int:
    """How many columns of a terminal a cell takes."""
    if cell.isascii() and "\n" not in cell:
        return len(cell)
    from rich.cells import cell_len

    return max(map(cell_len, cell.split("\n")))


def _lines(rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool], bold: bool) -> Iterator[str]:
    """A table whose columns are as wide as their widest cell; the first of the rows is the header."""
    for number, row in enumerate(rows):
        for parts in itertools.zip_longest(*(cell.split("\n") for cell in row), fillvalue=""):
            gaps = [" " * (width - _width(part)) for part, width in zip(parts, widths, strict=True)]
            cells = zip(parts, gaps, right, strict=True)
            line = (" " * _GAP).join(gap + part if side else part + gap for part, gap, side in cells).rstrip()
            yield f"\x1b[1m{line}\x1b[0m" if bold and number == 0 else line


def _folded(rows: Sequence[Sequence[str]], right: Sequence[bool], width: int, bold: bool) -> list[str]:
    """A table for a terminal that is too narrow for it: long cells go on in the next line."""
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, is_right in zip(rows[0], right, strict=True):
        table.add_column(Text(name), justify="right" if is_right else "left", overflow="fold")
    for row in rows[1:]:
        table.add_row(*map(Text, row))
    buffer = io.StringIO()
    Console(file=buffer, width=width, force_terminal=bold).print(table)
    return buffer.getvalue().splitlines()


def _markdown(frame: "pd.DataFrame") -> str:
    rows = [[str(name) for name in frame.columns], ["---"] * len(frame.columns), *_cells(frame)]
    return "".join(f"| {' | '.join(map(_markdown_cell, row))} |\n" for row in rows)


def _markdown_cell(cell: str) -> str:
    """Text without links, HTML, or ends of a cell; spaces that are not to be broken stay."""
    line = re.sub(r"[^\S\xa0]+", " ", printable(cell)).strip(" ")
    return re.sub(r"([|<])|(?<=\])(?=[(\[])", r"\\\1", line)


def _csv(frame: "pd.DataFrame") -> str:
    from mibench.frames.files import spreadsheet_safe

    return spreadsheet_safe(frame).to_csv(index=False)


def _json(frame: "pd.DataFrame") -> str:
    rows = [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]
    return json.dumps(rows, indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """A value of a frame as JSON holds it; what is absent or not finite is null."""
    import pandas as pd

    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list | tuple | dict | set):
        return printable(str(value))
    if pd.isna(value) or value in (float("inf"), float("-inf")):
        return None
    return value.item() if hasattr(value, "item") else value


def _joined(tables: "Mapping[str, pd.DataFrame]") -> "pd.DataFrame":
    import pandas as pd

    if len(tables) == 1:
        return next(iter(tables.values()))
    named = [
        frame.assign(task=name)[["task", *(column for column in frame.columns if column != "task")]]
        for name, frame in tables.items()
    ]
    return pd.concat(named, ignore_index=True) if named else pd.DataFrame()


def _filled(frame: "pd.DataFrame") -> "pd.DataFrame":
    return frame[[name for name in frame.columns if frame.empty or any(map(text, frame[name]))]]


def _cells(frame: "pd.DataFrame") -> list[list[str]]:
    return [[text(value) for value in row] for row in frame.itertuples(index=False, name=None)]


def _is_text(column: "pd.Series[Any]") -> bool:
    return not any(isinstance(value, int | float) for value in column)
