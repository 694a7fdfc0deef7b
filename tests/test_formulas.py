"""Formulas of the documentation are typeset by the browser alone."""

import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
sys.path.append(str(DOCS))
FORMULAS = [
    (page.name, formula)
    for page in sorted(DOCS.rglob("*.md"))
    for formula in re.findall(r"\$\$(.+?)\$\$", page.read_text(encoding="utf-8"), re.DOTALL)
]


def test_every_estimator_has_its_formula_on_its_page() -> None:
    pages = {page.name for page in (DOCS / "estimators").glob("*.md") if page.name != "index.md"}
    assert pages - {page for page, _ in FORMULAS} == set()


@pytest.mark.parametrize(("page", "formula"), FORMULAS)
def test_a_formula_becomes_mathml_without_a_command_left(page: str, formula: str) -> None:
    pytest.importorskip("sphinx", reason="needs the group docs")
    from mathml import mathml

    written = mathml(formula.strip(), block=True)
    assert written.startswith('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">')
    assert "\\" not in written
    assert "<script" not in written
