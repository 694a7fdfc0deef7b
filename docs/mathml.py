"""Formulas as MathML, which browsers typeset themselves: no script, no font and no network."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def mathml(latex: str, *, block: bool) -> str:
    """A formula as a browser typesets it.

    Args:
        latex: as LaTeX's math mode takes it.
        block: whether it stands alone.
    """
    return convert(latex, display="block" if block else "inline")


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    style = "padding-block: 0.5em; overflow-y: hidden"  # or a bar appears beside accents and limits
    writer.body.append(f'<div class="math" style="{style}">{mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the renderer, which `html_math_renderer` names."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True}
