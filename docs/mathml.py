"""Formulas as MathML, which browsers typeset themselves: no script, no font and no network."""

import importlib.resources
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from mibench.reporting.mathematics import display, mathml

_STYLE = importlib.resources.files("mibench.reporting.templates") / "formulas.css"


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(display(node.astext()))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the renderer, which `html_math_renderer` names, and its style sheet."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    app.connect("config-inited", lambda _, config: config.html_static_path.append(str(_STYLE)))
    app.add_css_file("formulas.css")
    return {"parallel_read_safe": True}
