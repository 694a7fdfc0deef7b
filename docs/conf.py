"""Sphinx configuration: `uv run --group docs sphinx-build -W docs docs/_build`."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "mibench"
author = "The mibench authors"
copyright = "the mibench authors"  # noqa: A001 - Sphinx's name
release = importlib.metadata.version("mibench")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "estimator_pages",
    "leaderboard",
    "mathml",
]
html_theme = "furo"
html_math_renderer = "mathml"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_title = f"mibench {release}"
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
default_role = "code"
smartquotes = False  # `--task` is to be copied
