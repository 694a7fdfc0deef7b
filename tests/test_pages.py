"""The pages on estimators and on the paper say what is there."""

import re
import sys
from pathlib import Path

import pytest
from test_documentation import ROOT, run

from mibench import EstimatorSpec
from mibench.discovery import load_plugins
from mibench.discovery.registry import Entry, Registry
from mibench.reporting.site.texts import pitfalls

sys.path.insert(0, str(ROOT / "docs"))
import draw_figures
from draw_figures import DRAWN, FIGURES, drawn, files

OF_EXPLANATIONS = {"exact-critics.svg", "one-permutation.svg", "scale.svg"}

NEEDS_IMAGES = re.compile(r"--task (ib|\"?dim)\b.*--profile paper")
ESTIMATORS = [entry for entry in Registry(load_plugins()).entries(EstimatorSpec) if entry.plugin.origin == "mibench"]


def paper_rows() -> list[tuple[str, str, str]]:
    """What of the paper, where, and the command, of each row of the page's table."""
    text = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8").replace(r"\|", "\0")
    lines = [line[1:-1].split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip().replace("\0", "|") for cell in line] for line in lines]
    return [(what, where, command) for what, where, command in cells[2:]]


def numbers(what: str) -> set[int]:
    """Those of `Eq. 9`, `Eq. 2 and 3` or `Eq. 4 to 7`."""
    equation = re.match(r"Eq\. (\d+)(?: (to|and) (\d+))?", what)
    return set(range(int(equation[1]), int(equation[3] or equation[1]) + 1)) if equation else set()


def test_a_word_that_begins_like_an_option_says_how_figures_are_drawn_and_draws_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["draw_figures.py", "--help"])
    draw_figures.main()
    assert "draw_figures.py [FOLDER [NAME...]]" in capsys.readouterr().out
    assert not any(tmp_path.iterdir())


def test_every_figure_of_a_page_can_be_drawn_again_from_frames() -> None:
    named = [file for of in DRAWN for file in files(of)]
    assert len(named) == len({*named})
    assert {file.name for file in FIGURES.iterdir()} == {*named} | OF_EXPLANATIONS
    script = (ROOT / "docs" / "explanations" / "figures.py").read_text(encoding="utf-8")
    assert all(f'"{Path(name).stem}"' in script for name in OF_EXPLANATIONS)


def test_the_figure_of_projections_has_the_default_dimension_among_the_others() -> None:
    (of,) = [of for of in DRAWN if "projections" in of.figures]
    ((_, figure),) = drawn(of)
    (line,) = [line for line in figure.axes[0].lines if line.get_label() == "mige-rp"]
    assert list(line.get_xdata()) == [16, 32, 64, 128, 256, 512, 1024]


def test_the_paper_s_equations_algorithm_tables_and_figures_are_all_placed() -> None:
    places = [what for what, _, _ in paper_rows()]
    assert set().union(*map(numbers, places)) == set(range(1, 24))
    for piece in ("Algorithm 1", "Table 1", "Table 2", "Table 3", "Table 4", "Figure 1", "Figure 2"):
        assert any(re.search(rf"\b{piece}\b", what) for what in places), piece


@pytest.mark.parametrize("row", paper_rows(), ids=lambda row: row[0])
def test_every_file_and_name_that_the_paper_page_points_to_exists(row: tuple[str, str, str]) -> None:
    files = re.findall(r"`([\w/.-]+\.\w+)`", row[1])
    assert any((ROOT / file).is_file() for file in files)
    names = re.findall(r"\(`([\w.]+)`", row[1])
    sources = "\n".join((ROOT / file).read_text(encoding="utf-8") for file in files if (ROOT / file).is_file())
    assert all((ROOT / file).is_file() for file in files if file not in names)
    for name in names:
        assert re.search(rf"(def|class) {name.rpartition('.')[2]}\b", sources), name


@pytest.mark.parametrize("command", sorted({command.strip("`") for _, _, command in paper_rows() if command}))
def test_every_command_of_the_paper_page_is_understood(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIBENCH_DATA", raising=False)
    result = run(command, "--dry-run")
    if NEEDS_IMAGES.search(command):
        assert result.exit_code == 2
        assert "MIBENCH_DATA" in result.output, result.output
    else:
        assert result.exit_code == 0, result.output
        assert "to run" in result.output


@pytest.mark.parametrize("entry", ESTIMATORS, ids=lambda entry: entry.name)
def test_every_estimator_has_a_page_or_is_a_baseline_of_a_task(entry: Entry[EstimatorSpec]) -> None:
    page = ROOT / "docs" / "estimators" / f"{entry.name}.md"
    assert page.is_file() != bool(entry.spec.baseline_of)
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        module = entry.spec.target.partition(":")[0]
        for needed in (f"{{properties}} {entry.name}\n", f"{{measured}} {entry.name}\n", f".. automodule:: {module}\n"):
            assert needed in text
        pitfalls = text.partition("## Pitfalls\n")[2]
        assert 2 <= len(re.findall(r"^- ", pitfalls, re.MULTILINE)) <= 6


def map_rows() -> list[tuple[str, str]]:
    """The changes that CONTRIBUTING.md's map names, and where to make each."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [(change, where) for change, where in rows[2:]]


def test_the_map_names_twelve_changes() -> None:
    assert len(map_rows()) == 12


@pytest.mark.parametrize(("change", "where"), map_rows(), ids=[change for change, _ in map_rows()])
def test_every_file_that_the_map_points_to_exists_and_holds_what_it_says(change: str, where: str) -> None:
    paths = [ROOT / path for path in re.findall(r"`((?:mibench|plugins|docs)/[\w/.]*)`", where)]
    assert paths
    assert all(path.exists() for path in paths), where
    sources = "\n".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())
    for name in re.findall(r"`@?([A-Za-z]+)`", where):
        assert re.search(rf"\b{name}\b", sources), name


def test_pitfalls_on_a_site_say_nothing_of_where_their_numbers_are_from() -> None:
    points = {entry.name: pitfalls(entry.name) for entry in ESTIMATORS}
    assert sum(map(len, points.values())) > 2 * len(ESTIMATORS) - 20
    assert {
        name for name, texts in points.items() if any("&lt;!--" in text or "--&gt;" in text for text in texts)
    } == set()


def test_no_page_loses_a_line_that_begins_with_a_per_cent_sign() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    lost = {page.name: re.findall(r"^\s*%.*$", page.read_text(encoding="utf-8"), re.MULTILINE) for page in pages}
    assert not {page: lines for page, lines in lost.items() if lines}, "MyST takes them for comments"


def test_no_comment_of_a_page_holds_a_line_that_begins_a_list() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    comments = {page.name: re.findall(r"<!--.*?-->", page.read_text(encoding="utf-8"), re.DOTALL) for page in pages}
    broken = {page: [text for text in texts if re.search(r"\n\s*[*+-]\s", text)] for page, texts in comments.items()}
    assert not {page: texts for page, texts in broken.items() if texts}, "the list would end the comment"


def test_measured_tables_say_every_setting_and_pages_without_tables_name_their_frames() -> None:
    pytest.importorskip("sphinx")
    from estimator_pages import measured, properties

    said = measured("exact")
    assert "; hidden 1024;" in said  # in frames as a number and as a text
    assert "; power fixed;" in said
    assert "\n\nvalidation: " in said
    assert "`results/families-neighbours.csv`" in measured("ksg")
    assert r"p(y\|x) as in" in properties("exact")
