"""The leaderboard inside the documentation: `mibench site` of the frames in `results/`, below `leaderboard/`.

Its pages link to those of the documentation; the directives and functions here lead the other way.
"""

import functools
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from frame_queries import registry
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from mibench.comparison.archive import read_shipped
from mibench.reporting.site import build
from mibench.reporting.site.folder import write
from mibench.reporting.site.standings import Standings
from mibench.reporting.site.texts import source_file

FOLDER = "leaderboard"
MOST_BYTES = 5_000_000
"""What a reader's browser is asked to load at most, all pages together."""
_LOG = logging.getLogger(__name__)


@functools.cache
def standings() -> Standings:
    """What the leaderboard is made of."""
    return Standings(read_shipped(), registry())


def estimator_link(name: str) -> str:
    """A link from a page of `estimators/` to the estimator's ranks; empty where it has none."""
    page = standings().estimators.get(name)
    return f'<a href="../{FOLDER}/{page}">ranks, profile, family by family</a>' if page else ""


def source_link(target: str) -> str:
    """A link from a page of `estimators/` to the module of a target, or its name where the leaderboard has it not."""
    module, page = target.partition(":")[0], source_file(target)
    there = page and target in standings().targets
    return f'<a href="../{FOLDER}/{page}"><code>{module}</code></a>' if there else f"`{module}`"


class Leaderboard(SphinxDirective):
    """Links to the pages of families, or of estimators, on the leaderboard: all, or those of the option `only`."""

    required_arguments = 1
    option_spec: ClassVar = {"root": directives.unchanged, "only": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """A paragraph of links."""
        pages = standings().families if self.arguments[0] == "families" else standings().estimators
        root, only = self.options.get("root", ""), self.options.get("only", "").split()
        links = [
            f'<a href="{root}{FOLDER}/{page}">{name}</a>' for name, page in pages.items() if name in (only or pages)
        ]
        lead = "Ranks and figure: " if only and links else ""
        return self.parse_text_to_nodes(lead + ", ".join(links))


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        size = write(build(standings(), docs="../"), Path(app.outdir) / FOLDER)
        if size > MOST_BYTES:
            _LOG.warning("the leaderboard has %.1f MB, more than %.1f", size / 1e6, MOST_BYTES / 1e6)


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directive, and writes the leaderboard when the documentation is built."""
    app.add_directive("leaderboard", Leaderboard)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True}
