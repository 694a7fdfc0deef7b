"""Families and suites come in by hooks, are listed, and are run by name."""

import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args, get_type_hints

import families_toys
import pandas as pd
import pytest
from click.testing import CliRunner

import mibench
from mibench.bends import BENDS, BendName
from mibench.cli import main
from mibench.curves.cells import load_task
from mibench.discovery import load_plugins
from mibench.discovery.registry import Entry, Registry
from mibench.frames import narrow, with_adversarial
from mibench.plan.selectors import combinations
from mibench.reporting.summary import summarise
from mibench.specs import FamilySpec, TaskSpec
from mibench.targets import load_target
from mibench.testing import Finding, check_family
from mibench.testing.families import Effort, declared

TOYS = str(Path(families_toys.__file__))
REGISTRY = Registry(load_plugins())
FAMILIES = REGISTRY.entries(FamilySpec)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*arguments, "-p", TOYS])
    return result.exit_code, result.output


def planned(tasks: Sequence[str]) -> tuple[int, str]:
    options = [part for task in tasks for part in ("-t", task)]
    return run("run", "-e", "oracle", *options, "--profile", "quick", "--seeds", "1", "--dry-run")


@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.name)
def test_a_spec_says_of_its_family_what_the_family_says(entry: Entry[FamilySpec]) -> None:
    task = load_task(entry.spec.task, entry.name)
    for cell in combinations(task.Params, entry.spec.grid, entry.name):
        family = task().family(cell)
        assert (family.conditional(family.at()) is not None) == entry.spec.conditional
    kinds = get_type_hints(task.Params)
    sweep = {name: get_args(kinds[name]) for name in ("theta", "gauge")}
    cells = [
        {"theta": theta, "gauge": gauge} for theta, gauge in itertools.product(*sweep.values()) if gauge != "scaled"
    ]
    for given in cells:
        (cell,) = combinations(task.Params, {name: [value] for name, value in given.items()}, entry.name)
        row = pd.DataFrame([{"task": entry.name, **given, "estimator": "oracle"}])
        (marked,) = with_adversarial(row, entry.spec.task)["adversarial"]
        assert marked == (not task().family(cell).pathwise(cell.theta)), cell
    assert set(entry.spec.grid) <= set(load_target(entry.spec.target, entry.name).theta)


def test_every_family_can_be_run() -> None:
    code, said = run("run", "-e", "oracle", "-t", ",".join(e.name for e in FAMILIES), "--profile", "smoke", "--dry-run")
    assert code == 0, said


def test_a_family_with_a_parameter_called_like_a_column_of_frames_is_refused_by_check_as_by_run() -> None:
    said = "mibench: {} taken: a parameter may not be called seed, as a column of frames or tables is\n"
    assert run("check", "taken") == (2, said.format("family"))
    assert run("run", "-e", "oracle", "-t", "taken", "--dry-run") == (2, said.format("task"))


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


def test_check_proves_the_truth_of_a_family() -> None:
    code, said = run("check", "twin[d=2,rho=0.6]")
    assert code == 0, said
    assert said.endswith("twin: its truth holds in every way\n")
    assert {line.split()[0] for line in said.splitlines()} >= {
        "value",
        "balance",
        "pathwise/rho",
        "density/rho",
        "copies",
    }


@pytest.mark.parametrize(
    ("family", "claims"),
    [
        ("chi[d=2,nu=2]", {"value", "balance", "pathwise/nu", "null flow"}),
        ("published[p=0.15]", {"value"}),
        ("moving[epsilon=0.1]", {"pathwise/epsilon"}),
        (
            "raising",
            {"shapes: RuntimeError: no ratio (families_toys.py:"},
        ),
        ("exiting", {"shapes: SystemExit: 0 (families_toys.py:"}),
    ],
)
def test_check_names_what_is_wrong_with_a_family(family: str, claims: set[str]) -> None:
    code, said = run("check", family)
    assert code == 1
    failed = " ".join(" ".join(line.split()) for line in said.splitlines() if "FAILS" in line).replace(" FAILS", ":")
    assert all(claim in failed for claim in claims), said
    assert f"{family.partition('[')[0]}: " in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("family", "said"),
    [
        ("twin[rho=2]", "`rho` is above -0.99999997 and below 0.99999997"),
        ("twin[kappa=1]", "has no parameter 'kappa'"),
        ("twin[rho=0.1|0.2]", "check one cell at a time"),
        ("bpsk[bend=cubic]", "needs continuous x and y, and x is discrete"),
    ],
)
def test_check_refuses_a_cell_that_is_none_in_one_line(family: str, said: str) -> None:
    code, output = run("check", family)
    assert code == 2
    assert said in output
    assert len(output.strip().splitlines()) == 1


PAIRS = """
from dataclasses import dataclass
from mibench import FamilySpec, hookimpl
from mibench_gaussian.canonical import Canonical

@dataclass{frozen}
class Params:
    d: int = 1
    rho: float = 0.5
    def __post_init__(self):
        if not -1 < self.rho < 1:
            raise ValueError(f"rho lies between -1 and 1, not {{self.rho}}")

class Pairs(Canonical):
    Params = Params

@hookimpl
def mibench_families():
    return [FamilySpec(name="pairs", target=Pairs, grid={grid}, summary="s")]
"""
FROZEN = "(frozen=True, kw_only=True)"


@pytest.mark.parametrize(
    ("frozen", "grid", "said"),
    [
        (FROZEN, {"kappa": [1.0]}, "has no parameter 'kappa'"),
        (FROZEN, {"rho": [0.5, 1.5]}, "rho lies between -1 and 1, not 1.5"),
        ("(frozen=True)", {"rho": [0.5]}, "field 'd' of `Params` to be keyword-only"),
        ("(kw_only=True)", {"rho": [0.5]}, "`Params` to be frozen"),
    ],
)
def test_what_a_family_declares_of_its_cells_is_looked_at(
    frozen: str, grid: dict[str, list[float]], said: str, tmp_path: Path
) -> None:
    file = tmp_path / f"{tmp_path.name}.py"
    file.write_text(PAIRS.format(frozen=frozen, grid=grid))
    registry = Registry(load_plugins([str(file)]))
    failed = [finding for finding in declared(registry.find(FamilySpec, "pairs").spec) if not finding.holds]
    assert [finding.claim for finding in failed] == ["grid" if frozen == FROZEN else "parameters"]
    assert said in failed[0].detail
    done = CliRunner().invoke(main, ["run", "-e", "gauss", "-t", "pairs", "--dry-run", "-p", str(file)])
    assert done.exit_code == (2 if frozen == FROZEN else 0)
    if frozen == FROZEN:
        assert f"({file}): `profiles['quick']`, which of a family is its `grid`: " in done.stderr
        assert said in done.stderr


def test_what_shipped_families_declare_of_their_cells_holds() -> None:
    assert [finding for entry in FAMILIES for finding in declared(entry.spec) if not finding.holds] == []


def test_check_family_is_for_tests_of_authors() -> None:
    findings = check_family(families_toys.mibench_families()[0], {"d": 1}, effort=Effort(replicas=20, n=200))
    assert all(isinstance(finding, Finding) for finding in findings)
    assert [finding.claim for finding in findings if not finding.holds] == []


def test_dvb_is_skipped_where_no_closed_form_is_known(tmp_path: Path) -> None:
    frame = mibench.run("dvb", "x-mixture[d=1,n=32,r=0.5],bpsk[d=2,n=32,snr=1]", results=tmp_path, seeds=1)
    assert dict(zip(frame["task"], frame["status"], strict=True)) == {"x-mixture": "skipped", "bpsk": "ok"}


def test_a_gradient_in_a_matrix_is_measured_and_shown_with_its_direction(tmp_path: Path) -> None:
    options = ["--seeds", "1", "--executor", "serial", "--results", str(tmp_path)]
    code, said = run("run", "-e", "oracle,gauss", "-t", "gaussian-channel[theta=weights,sigma=1]", *options)
    assert code == 0, said
    assert "dI direction" in said


def test_estimators_of_scores_are_skipped_where_theta_acts_on_discrete_samples_alone(tmp_path: Path) -> None:
    scores = "mige,mige-calibrated,mige-rp"
    options = ["--seeds", "1", "--executor", "serial", "--results", str(tmp_path)]
    tasks = "symmetric-channel[q=0.2,m=2|10],zero-inflated-poisson[p=0.4]"
    code, said = run("run", "-e", scores, "-t", tasks, *options)
    assert (code, "9 trials: 9 skipped" in said) == (0, True)
    assert "mige: mige needs samples with a density, and q acts on a discrete y alone" in said
    code, said = run("run", "-e", scores, "-t", "quantised[m=2,scale=1]", *options)  # the scale acts on x
    assert (code, "3 trials: 3 ok" in said) == (0, True)


def test_the_adversarial_suite_ends_well_with_estimators_of_scores(tmp_path: Path) -> None:
    code, said = run(
        *("run", "-e", "mige,oracle", "-t", "suite:adversarial", "--profile", "smoke", "--executor", "serial"),
        *("--results", str(tmp_path)),
    )
    assert code == 0, said


def test_cells_of_a_family_that_differ_in_theta_share_a_batch(tmp_path: Path) -> None:
    task = "student[d=2,n=32,steps=3,nu=1|2|3]"
    apart, together = (
        mibench.run("infonce[hidden=8x8],oracle", task, results=tmp_path / str(size), seeds=2, batch=size)
        for size in (1, 6)
    )
    assert together["value"].tolist() == pytest.approx(apart["value"].tolist(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    ("task", "is_marked"),
    [("uniform-noise", True), ("inliers", False), ("symmetric-channel", True)],
)
def test_tables_mark_gradients_that_do_not_pass_through_the_samples(task: str, is_marked: bool) -> None:
    frame = mibench.load("shipped")
    (shown,) = summarise(narrow(frame, task, "oracle"), REGISTRY).values()
    errors = shown["dI rel. RMSE"]
    assert errors[errors != ""].str.endswith(" *").eq(is_marked).all()
    assert ("* adversarial: " in shown.attrs["note"]) == is_marked


def test_flows_are_measured_where_the_exact_score_has_a_mean_along_them(tmp_path: Path) -> None:
    tasks = "x-mixture[d=2,r=0.5],student[d=2,nu=1],exponential-noise[s=2],ring[kappa=2]"
    frame = mibench.run("oracle", tasks, results=tmp_path, seeds=1)
    measured = frame[frame["measurement"].str.startswith("null_flow/")]
    flows = {task: set(rows["measurement"]) for task, rows in measured.groupby("task")}
    assert flows["x-mixture"] == {f"null_flow/{name}" for name in ("scale", "cube", "sine", "rotation")}
    assert flows["student"] == {f"null_flow/{name}" for name in ("scale", "sine", "rotation")}
    assert flows["ring"] == {f"null_flow/{name}" for name in ("scale", "cube", "sine")}
    assert "exponential-noise" not in flows
    assert (measured["truth"] == 0).all()


def test_every_bend_can_be_named_in_a_cell() -> None:
    assert get_args(BendName) == tuple(BENDS)
