"""Frames as text: a table to read, Markdown for pages, CSV and JSON for programs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from mibench.text import text

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["table", "csv", "md", "json"]
_PIPED_WIDTH = 10_000  # lines are never folded there
_NINE_DIGITS = "%.9g"  # single precision, without loss
FORMATS: tuple[Format, ...] = ("table", "csv", "md", "json")


def render(frame: "pd.DataFrame", form: Format) -> str:
    """A frame in one of `FORMATS`. A table is followed by the frame's `attrs["note"]`.

    `table` and `md` leave out empty columns.
    """
    renderers: dict[Format, Callable[[pd.DataFrame], str]] = {
        "table": _table,
        "csv": lambda frame: frame.to_csv(index=False, float_format=_NINE_DIGITS),
        "md": _markdown,
        "json": lambda frame: frame.to_json(orient="records", indent=1, double_precision=15) + "\n",
    }
    return renderers[form](_filled(frame) if form in {"table", "md"} else frame)


def _table(frame: "pd.DataFrame") -> str:
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in frame.columns:
        table.add_column(Text(str(name)), justify="left" if _is_text(frame[name]) else "right", overflow="fold")
    for row in _cells(frame):
        table.add_row(*(Text(cell) for cell in row))
    buffer = io.StringIO()
    terminal = Console()
    bold = terminal.is_terminal and not terminal.no_color
    width = terminal.width if terminal.is_terminal else _PIPED_WIDTH
    Console(file=buffer, width=width, force_terminal=bold).print(table)
    note = f"\n{frame.attrs['note']}\n" if "note" in frame.attrs else ""
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines()) + note


def _markdown(frame: "pd.DataFrame") -> str:
    rows = [[str(name) for name in frame.columns], ["---"] * len(frame.columns), *_cells(frame)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def _filled(frame: "pd.DataFrame") -> "pd.DataFrame":
    return frame[[name for name in frame.columns if frame.empty or any(map(text, frame[name]))]]


def _cells(frame: "pd.DataFrame") -> list[list[str]]:
    return [[text(value) for value in row] for row in frame.itertuples(index=False, name=None)]


def _is_text(column: "pd.Series[Any]") -> bool:
    return not any(isinstance(value, int | float) for value in column)
