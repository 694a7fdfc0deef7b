"""Families and suites come in by hooks, are listed, and are run by name."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import families_toys
import pytest
from click.testing import CliRunner

from mibench.cli import main
from mibench.curves import load_task
from mibench.discovery import load_plugins
from mibench.discovery.registry import Entry, Registry
from mibench.plan.selectors import combinations
from mibench.specs import FamilySpec, TaskSpec, load_target

TOYS = str(Path(families_toys.__file__))
FAMILIES = Registry(load_plugins()).entries(FamilySpec)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*arguments, "-p", TOYS])
    return result.exit_code, result.output


def planned(tasks: Sequence[str]) -> tuple[int, str]:
    options = [part for task in tasks for part in ("-t", task)]
    return run("run", "-e", "oracle", *options, "--profile", "quick", "--seeds", "1", "--dry-run")


@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.name)
def test_a_spec_says_of_its_family_what_the_family_says(entry: Entry[FamilySpec]) -> None:
    task = load_task(entry.spec.task, entry.name)
    adversarial: set[str] = set()
    for cell in combinations(task.Params, entry.spec.grid, entry.name):
        family = task().family(cell)
        adversarial |= {*family.adversarial}
        assert (family.conditional(family.at()) is not None) == entry.spec.conditional
    assert adversarial == entry.spec.adversarial
    assert set(entry.spec.grid) <= set(load_target(entry.spec.target, entry.name).theta)


def test_every_family_is_a_task_by_its_own_name() -> None:
    tasks = {entry.name for entry in Registry(load_plugins([TOYS])).entries(TaskSpec)}
    assert {"twin", *(entry.name for entry in FAMILIES)} <= tasks


def test_families_and_suites_are_listed_with_what_they_are() -> None:
    code, said = run("list", "families")
    assert code == 0
    rows = {line.split()[0]: line for line in said.splitlines()}
    assert "rho" in rows["twin"]
    assert "kappa" in rows["ring"]
    code, said = run("list", "suites")
    assert code == 0
    assert "two families" in said


def test_listing_families_imports_no_torch() -> None:
    script = "import sys; from mibench.cli import main; main(['list', 'families'], standalone_mode=False)"
    check = f"{script}; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("tasks", "trials"),
    [
        (["twin"], 2),
        (["twin[d=1|2],ring[kappa=2]"], 5),
        (["suite:pair"], 5),
        (["suite:pair", "twin[d=1]"], 5),
        (["suite:nested"], 6),
        (["suite:pair,twin[d=3,rho=0.5]"], 6),
        (["suite:nested[n=32|64]"], 12),
    ],
)
def test_a_suite_stands_for_its_tasks_each_once(tasks: list[str], trials: int) -> None:
    code, said = planned(tasks)
    assert code == 0, said
    assert f"{trials} trial" in said


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ("hollow", "suite hollow is empty"),
        ("cyclic", "suite cyclic contains itself: cyclic > mutual > cyclic"),
        ("lost", "there is no suite 'nowhere'"),
        ("niested", "did you mean nested"),
        ("pair[kappa=2]", "task twin has no parameter 'kappa'"),
    ],
)
def test_a_suite_that_cannot_be_run_is_one_line(suite: str, said: str) -> None:
    code, output = planned([f"suite:{suite}"])
    assert code == 2
    assert said in output
    assert len(output.strip().splitlines()) == 1
