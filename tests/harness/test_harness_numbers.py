"""Numbers are written in one way: by `mibench.text`."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXEMPT = {
    Path("mibench/text.py"),
    Path("mibench/reporting/charts/svg.py"),  # coordinates, which nobody reads
}


def written_elsewhere(source: str) -> list[int]:
    """The lines of a source on which a format of its own writes a float."""
    specs = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FormattedValue) and node.format_spec]
    return [
        node.lineno
        for node in specs
        for part in ast.walk(node.format_spec or node)
        if isinstance(part, ast.Constant) and str(part.value)[-1:] in set("efgEFG%")
    ]


def test_a_format_of_ones_own_is_seen() -> None:
    assert written_elsewhere("f'{x:.3f}'\nf'{x:>8}'\nf'{x:.{n}g}'\nf'{x:,}'\nf'{x:%}'") == [1, 3, 5]


def test_every_number_is_written_by_the_functions_of_text() -> None:
    files = [path for folder in ("mibench", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 200
    elsewhere = {
        str(path.relative_to(ROOT)): lines
        for path in files
        if path.relative_to(ROOT) not in EXEMPT and (lines := written_elsewhere(path.read_text(encoding="utf-8")))
    }
    assert elsewhere == {}
