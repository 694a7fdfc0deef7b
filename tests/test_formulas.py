"""Formulas of pages and of docstrings are typeset by the browser alone."""

import ast
import re
from pathlib import Path

import pytest

from mibench import FamilySpec, TaskSpec
from mibench.comparison.archive import read_shipped
from mibench.discovery import load_plugins
from mibench.discovery.registry import Entry, Registry
from mibench.reporting.mathematics import FormulaError, display, mathml
from mibench.reporting.site.prose import typeset
from mibench.reporting.site.texts import definition

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FORMULAS = [
    (page.name, formula)
    for page in sorted(DOCS.rglob("*.md"))
    for formula in re.findall(r"\$\$(.+?)\$\$", page.read_text(encoding="utf-8"), re.DOTALL)
]
DOCSTRINGS = {
    str(file.relative_to(ROOT)): text
    for folder in ("mibench", "plugins")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if "math::" in (text := ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "")
}
FAMILIES = [
    entry
    for entry in Registry(load_plugins()).entries(TaskSpec)
    if "families" in entry.plugin.name and entry.spec.charts
]


def test_every_estimator_has_its_formula_on_its_page() -> None:
    for page in {*(DOCS / "estimators").glob("*.md")} - {DOCS / "estimators" / "index.md"}:
        (module, *_) = re.findall(r"automodule:: ([\w.]+)", page.read_text(encoding="utf-8"))
        shown = f"plugins/{module.replace('.', '/')}.py" in DOCSTRINGS
        assert shown != any(name == page.name for name, _ in FORMULAS), page


@pytest.mark.parametrize(("page", "formula"), FORMULAS)
def test_a_formula_becomes_mathml_without_a_command_left(page: str, formula: str) -> None:
    written = mathml(formula.strip(), block=True)
    assert written.startswith('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">')
    assert "\\" not in written


@pytest.mark.parametrize("file", DOCSTRINGS)
def test_every_formula_of_a_docstring_is_typeset(file: str) -> None:
    written = typeset(DOCSTRINGS[file])
    assert "<math" in written
    assert "math:" not in written
    assert "\\" not in re.sub(r"<code>.*?</code>", "", written)


def test_the_page_of_definitions_has_every_family_under_its_name() -> None:
    page = (DOCS / "definitions.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+)\n(?:.*\n)*?\.\. automodule:: ([\w.]+)$", page, re.MULTILINE))
    modules = {name: module for names, module in sections.items() for name in names.split(", ")}
    shipped = Registry(load_plugins()).entries(FamilySpec)
    assert modules == {
        entry.name: entry.spec.target.partition(":")[0] for entry in shipped if entry.plugin.origin == "mibench"
    }


def test_the_page_of_definitions_has_a_place_for_every_task_that_the_leaderboard_links_to_it() -> None:
    page = (DOCS / "definitions.md").read_text(encoding="utf-8")
    places = {*re.findall(r"^\((.+)\)=$", page, re.MULTILINE), *re.findall(r"^## ([\w-]+)$", page, re.MULTILINE)}
    entries = Registry(load_plugins()).entries(TaskSpec)
    shipped = set(read_shipped()["task"])
    assert places >= {entry.name for entry in entries if entry.name in shipped}


@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.name)
def test_the_definition_of_every_family_has_its_formulas_typeset(entry: Entry[TaskSpec]) -> None:
    assert 'display="block"' in definition(entry)


def test_what_is_no_mathematics_is_shown_as_it_is_spelled() -> None:
    for latex in (r"\text{<script>alert(1)</script>}", r"\href{javascript:alert(1)}{x}", r"\frac{", r"\nothing x"):
        with pytest.raises(FormulaError, match="not a formula"):
            mathml(latex, block=False)
        assert "<script" not in (shown := typeset(f"A :math:`{latex}`.\n\n.. math:: {latex}"))
        assert "<math" not in shown
        assert "<code>" in shown
        assert "<pre" in shown


def test_a_docstring_becomes_paragraphs_points_code_and_formulas() -> None:
    text = (
        "A <b> with `n` pairs.\n\nThese:\n- one\n  goes on\n- two\n\n    x = 1\n\n.. math::\n\n    x^2\n\n:class:`B`."
    )
    assert re.sub(r"<math.*?</math>", "MATH", typeset(text)).splitlines() == [
        "<p>A &lt;b&gt; with <code>n</code> pairs.</p>",
        "<p>These:</p><ul><li>one",
        "  goes on</li><li>two</li></ul>",
        '<pre tabindex="0">x = 1</pre>',
        '<div class="math formula" tabindex="0">MATH</div>',
        "<p><code>B</code>.</p>",
    ]


def test_a_function_stands_off_from_its_neighbours_and_a_sum_has_its_range_below() -> None:
    assert mathml(r"p \log p", block=True).count("<mspace") == 2
    assert mathml(r"\log(p)", block=True).count("<mspace") == 0
    assert "<mspace" not in mathml(r"\sin^{2}, \max_{z}, \frac{\log}{n}", block=False)
    assert "<munderover>" in mathml(r"\sum_{j=1}^{K} j", block=True)
    assert "<msubsup>" in mathml(r"\sum_{j=1}^{K} j", block=False)
    assert "<mo>\N{TILDE OPERATOR}</mo>" in mathml(r"x \sim y", block=False)


def test_a_formula_that_stands_alone_may_be_parted_at_its_wide_spaces_alone() -> None:
    assert display(r"a = \{ b, \qquad c \}, \quad d").count("<math") == 3
    assert display(r"f(x), \qquad \frac{a \quad b}{c}").count("<math") == 2
    assert display(r"\begin{cases} a & b \quad c \\ d & e \end{cases} \qquad g").count("<math") == 2


def test_a_line_above_is_a_border_as_wide_as_what_it_is_above() -> None:
    written = mathml(r"\overline{k(x, Z)}^2 + \hat{x}", block=True)
    assert written.count('<mrow class="overline">') == 1
    assert written.count("<mover") == 1
