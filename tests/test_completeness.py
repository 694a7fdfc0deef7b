"""Every hook, command, pytest fixture and public name is documented, and something tests it."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import mibench_gaussian.summary
import pytest
from test_documentation import PAGES, ROOT, blocks, commands

import mibench
import mibench.reporting.curves
import mibench.testing
from mibench import hookspecs, pytest_plugin
from mibench.cli import main
from mibench.cli.run import command as run
from mibench.discovery import HOOKS, load_plugins
from mibench.discovery.registry import Registry
from mibench.outcome import Status
from mibench.specs import ExecutorSpec, FamilySpec, TaskSpec
from mibench.testing import PROPERTIES

DOCS = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
TESTS = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in (ROOT / "tests", *(ROOT / "examples").glob("*/tests"))
    for path in folder.rglob("*.py")
    if path != Path(__file__)
)
RUN_BY_TESTS = "\n".join(block for page in PAGES for block in blocks(page, "python"))
PUBLIC = sorted({*mibench.__all__, *mibench.testing.__all__})
FIXTURES = [name for name in vars(pytest_plugin) if name.startswith("mibench_")]


def says(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def names_of(kind: type[Any]) -> list[str]:
    return [entry.name for entry in Registry(load_plugins()).entries(kind) if entry.plugin.origin == "mibench"]


def public(name: str) -> object:
    return getattr(mibench, name) if name in mibench.__all__ else getattr(mibench.testing, name)


@pytest.mark.parametrize("name", names_of(FamilySpec))
def test_every_family_is_proven(name: str) -> None:
    target = Registry(load_plugins()).find(FamilySpec, name).spec.target.partition(":")[2]
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "families").glob("test_*.py")]
    proofs = "\n".join(text for text in files if "prove(" in text)
    assert says(proofs, target), f"prove({target}(...)) in tests/families: the other tests pass with a wrong truth"


@pytest.mark.parametrize(
    ("statistics", "task"),
    [
        (mibench.reporting.curves.STATISTICS, "student"),
        (mibench_gaussian.summary.STATISTICS, "gaussian"),
    ],
    ids=["families", "gaussian"],
)
def test_every_statistic_of_curves_says_which_way_is_better(statistics: dict[str, Any], task: str) -> None:
    registry = Registry(load_plugins())
    entries = {entry.name: entry.spec for kind in (TaskSpec, FamilySpec) for entry in registry.entries(kind)}
    spec = entries[task]
    better = (spec.task if isinstance(spec, FamilySpec) else spec).better
    assert {f"{name}(*)" for name in statistics} <= set(better), "`better` of families and in plugin.py"


def test_every_hook_of_the_specification_is_called() -> None:
    specified = {name for name in vars(hookspecs) if name.startswith("mibench_")}
    assert specified == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_an_example_and_implemented_in_a_test(hook: str) -> None:
    documentation = getattr(hookspecs, hook).__doc__
    assert "Example::" in documentation
    assert f"def {hook}():" in documentation
    assert says(API, hook)
    assert says(DOCS.replace(API, ""), hook), f"no page beside docs/api.md says what {hook} is for"
    assert f"def {hook}(" in TESTS + RUN_BY_TESTS


@pytest.mark.parametrize("command", main.list_commands(click.Context(main)))
def test_every_command_has_help_and_stands_in_a_page_whose_commands_are_run(command: str) -> None:
    subcommand = main.get_command(click.Context(main), command)
    assert subcommand is not None
    assert subcommand.help
    assert [line for line in commands() if re.match(rf"mibench {command}\b", line)]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_documented_and_used_in_a_test(name: str) -> None:
    assert (public(name).__doc__ or "").strip()
    assert says(API, name), f"docs/api.md does not list {name}"
    assert says(TESTS, name)


@pytest.mark.parametrize("fixture", FIXTURES)
def test_every_fixture_is_documented_and_used_in_a_test(fixture: str) -> None:
    assert getattr(pytest_plugin, fixture).__doc__
    assert says(DOCS, fixture)
    assert says(TESTS, fixture)


@pytest.mark.parametrize("claim", PROPERTIES, ids=lambda claim: claim.name)
def test_every_property_of_the_contract_is_explained(claim: mibench.testing.Property) -> None:
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    headings = re.findall(r"^(`.*`)\n: ", page, re.MULTILINE)
    assert f"`{claim.name}`" in ", ".join(headings).split(", "), f"say in docs/conformance.md what {claim.name} asks"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_is_in_the_table_of_contents_of_its_folder(page: Path) -> None:
    if ROOT / "docs" in page.parents:
        index = page.parent / "index.md"
        listed = re.findall(r"^[\w-]+$", index.read_text(encoding="utf-8"), re.MULTILINE)
        assert page.stem in {*listed, "index"}, f"list {page.stem} in {index}"


@pytest.mark.parametrize(
    ("page", "what", "names"),
    [
        ("running.md", "status", [status.value for status in Status]),
        ("running.md", "option", [name for each in run.params for name in each.opts if name.startswith("--")]),
        ("running.md", "executor", names_of(ExecutorSpec)),
        ("families.md", "family", names_of(FamilySpec)),
    ],
)
def test_what_users_choose_from_stands_on_its_page(page: str, what: str, names: list[str]) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert names
    assert [f"say in docs/{page} what the {what} {name} is" for name in names if not says(text, name)] == []


def test_the_citation_names_the_version_that_is_installed() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == project["version"] == version("mibench")
    assert f"\nlicense: {project['license']}\n" in citation
