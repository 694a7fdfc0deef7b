"""The docstring of a module as HTML: paragraphs, lists, code, and formulas as mathematics."""

import inspect
import re
import textwrap
from collections.abc import Iterator

from markupsafe import Markup, escape

from mibench.reporting.mathematics import FormulaError, display, mathml

_DIRECTIVE = ".. math::"
_PARTS = re.compile(r"(?::(?P<role>[\w:]+):)?(?P<ticks>``?)(?P<text>[^`]+)(?P=ticks)")
"""Code, or a role with its text."""
_SPELLED = Markup('<pre tabindex="0">{}</pre>')
_POINT = re.compile(r"^- ", re.MULTILINE)


def typeset(docstring: str) -> Markup:
    """A docstring as HTML. What is indented and no formula stands as it is.

    Args:
        docstring: of reStructuredText, with formulas in `.. math::` and in the role `math`.
    """
    return Markup("\n").join(_block(block) for block in _blocks(inspect.cleandoc(docstring)))


def _blocks(text: str) -> Iterator[str]:
    """Parts of a text between empty lines; what is indented below a directive belongs to it."""
    blocks = re.split(r"\n\s*\n", text)
    while blocks:
        block = blocks.pop(0)
        if block.strip() == _DIRECTIVE and blocks and blocks[0].startswith(" "):
            block += "\n" + blocks.pop(0)
        yield block


def _block(block: str) -> Markup:
    if block.startswith(_DIRECTIVE):
        return _formula(block.removeprefix(_DIRECTIVE).strip(), block=True)
    if block.startswith((" ", ">>>")):
        return _SPELLED.format(textwrap.dedent(block))
    before, *points = map(str.strip, _POINT.split(block))
    lead = Markup("<p>{}</p>").format(_inline(before)) if before else Markup()
    items = Markup("").join(Markup("<li>{}</li>").format(_inline(point)) for point in points)
    return lead + (Markup("<ul>{}</ul>").format(items) if points else "")


def _inline(text: str) -> Markup:
    """Text with its code and formulas; everything else is escaped."""
    written, end = Markup(), 0
    for part in _PARTS.finditer(text):
        written += escape(text[end : part.start()])
        inside = " ".join(part["text"].split())
        formula = part["role"] == "math"
        written += _formula(inside, block=False) if formula else Markup("<code>{}</code>").format(inside)
        end = part.end()
    return written + escape(text[end:])


def _formula(latex: str, *, block: bool) -> Markup:
    """A formula as mathematics, or as it is spelled where it cannot be typeset."""
    try:
        return display(latex) if block else mathml(latex, block=False)
    except FormulaError:
        return (_SPELLED if block else Markup("<code>{}</code>")).format(latex)
