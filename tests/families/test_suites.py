"""The suites that come with the families hold what they say."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from mibench_families.suites import BEYOND_NORMAL, PROFILES

import mibench
from mibench.cli import main
from mibench.comparison.selection import select
from mibench.curves.cells import load_task
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.families import Draws, Family
from mibench.plan.selectors import combinations, parse_selector
from mibench.plan.suites import expand
from mibench.specs import SuiteSpec, TaskSpec

REGISTRY = Registry(load_plugins())
SUITES = [entry.name for entry in REGISTRY.entries(SuiteSpec)]
NORMAL, DENSE = 0.413339, {2: 0.293893, 3: 0.413339, 5: 0.592812, 25: 1.292184, 50: 1.624265}
DENSE_SLOPES = {2: 1.066667, 3: 1.285714, 5: 1.515152, 25: 1.885370, 50: 1.941371}
STUDENT = {
    "1-1-1": (0.224171, -0.289868),
    "2-2-1": (0.431946, -0.444444),
    "2-2-2": (0.193147, -0.125),
    "3-3-2": (0.290922, -0.164219),
    "3-3-3": (0.178712, -0.075931),
    "5-5-2": (0.448151, -0.210184),
    "5-5-3": (0.298544, -0.106235),
}


def cells(selector: str, profile: str = "quick") -> list[tuple[Family, str]]:
    """Every family that a selector names, and the name that its gradient is taken in."""
    parsed = parse_selector(selector)
    spec = REGISTRY.find(TaskSpec, parsed.name).spec
    task = load_task(spec, parsed.name)
    made = combinations(task.Params, {**spec.profiles[profile].sweep, **parsed.sweep}, parsed.name)
    return [(task().family(cell), task().theta(cell)) for cell in made]


def answer(selector: str) -> tuple[float, float, bool]:
    ((family, name),) = cells(selector)
    theta = {key: value.requires_grad_() for key, value in family.at(torch.float64).items()}
    information = family.information(theta)
    (slope,) = torch.autograd.grad(information, theta[name])
    return information.item(), slope.item(), family.pathwise(name)


def published(name: str) -> tuple[float, float]:
    if "additive" in name:
        return {"0.1": (1.709438, -9.0), "0.75": (0.333333, -0.444444)}[name.rpartition("-")[2]]
    if "student" in name:
        return STUDENT[name.partition("identity-")[2]]
    if "dense" in name:
        d = int(name.split("-")[2])
        return DENSE[d], DENSE_SLOPES[d]
    return (1.021651, 0.711111) if "sparse" in name else (NORMAL, 1.714286)


@pytest.mark.parametrize("name", BEYOND_NORMAL)
def test_a_task_of_beyond_normal_has_its_published_answer_to_six_digits(name: str) -> None:
    information, slope, _ = answer(BEYOND_NORMAL[name])
    assert (information, slope) == pytest.approx(published(name), abs=1e-6)


def test_beyond_normal_has_forty_tasks_of_which_37_have_a_score_and_two_no_gradient_along_paths() -> None:
    assert len(BEYOND_NORMAL) == 40
    families = {name: cells(selector)[0] for name, selector in BEYOND_NORMAL.items()}
    no_path = {name for name, (family, theta) in families.items() if not family.pathwise(theta)}
    singular = {name for name, (family, _) in families.items() if family.singular}
    assert no_path == {"1v1-additive-0.1", "1v1-additive-0.75"}
    assert singular == {"swissroll_x-normal_cdf-1v1-normal-0.75"}
    assert len(families.keys() - no_path - singular) == 37


def test_the_mixtures_have_their_published_values() -> None:
    values = {name: answer(selector)[0] for name, selector in PROFILES.items()}
    known = {"x": 0.408443, "waves": 1.30707, "ai": 0.7743, "galaxy": 0.49422}
    for name, value in known.items():
        assert values[name] == pytest.approx(value, abs=2e-3)
    assert values["multinormal-sparse-w-inliers-3-3-2-2.0-0.2"] == pytest.approx(0.635, abs=2e-3)
    assert values["concentric_multinormal-25-5"] == pytest.approx(1.19083, abs=3e-3)


def test_in_the_adversarial_suite_no_gradient_is_along_paths() -> None:
    for task in expand(REGISTRY, [parse_selector("suite:adversarial")]):
        sweep = ",".join(f"{name}={'|'.join(values)}" for name, values in task.sweep.items())
        assert not any(family.pathwise(name) for family, name in cells(f"{task.name}[{sweep}]"))


def test_in_the_suite_of_independence_the_information_is_zero() -> None:
    for task in expand(REGISTRY, [parse_selector("suite:independence")]):
        sweep = ",".join(f"{name}={'|'.join(values)}" for name, values in task.sweep.items())
        for family, _ in cells(f"{task.name}[{sweep}]"):
            assert abs(family.information(family.at(torch.float64)).item()) < 1e-12


@pytest.mark.parametrize("name", SUITES)
def test_every_task_of_a_suite_exists_in_every_profile(name: str) -> None:
    for task in expand(REGISTRY, [parse_selector(f"suite:{name}")]):
        spec = REGISTRY.find(TaskSpec, task.name).spec
        for profile in spec.profiles.values():
            combinations(load_task(spec, task.name).Params, {**profile.sweep, **task.sweep}, task.name)


def test_the_pairs_of_beyond_normal_have_unit_variances() -> None:
    for name, selector in BEYOND_NORMAL.items():
        if "sparse" in name:
            ((family, _),) = cells(selector)
            x, y = family.sample(family.at(torch.float64), 20_000, Draws.seeded(0))
            assert torch.cat([x, y], -1).var(0) == pytest.approx(torch.ones(x.shape[-1] + y.shape[-1]), abs=0.06)


def test_a_task_can_be_asked_for_by_the_name_that_it_was_published_under() -> None:
    (task,) = expand(REGISTRY, [parse_selector("suite:bmi:student-identity-2-2-1[n=64]")])
    assert (task.name, task.sweep["nu"], task.sweep["n"]) == ("student", ["1"], ["64"])
    (task,) = expand(REGISTRY, [parse_selector("suite:families:gradients")])[:1]
    assert task.name == "x-mixture"
    with pytest.raises(UsageError, match="suite bmi has no task 'student-identity-2-2-9'; did you mean"):
        expand(REGISTRY, [parse_selector("suite:bmi:student-identity-2-2-9")])


def test_rows_of_a_suite_have_their_published_names(tmp_path: Path) -> None:
    tasks = [f"suite:bmi:{name}[n=16,steps=0]" for name in ("1v1-normal-0.75", "student-identity-1-1-1")]
    tasks += ["suite:bmi:asinh-student-identity-1-1-1[n=16]", "suite:bmi2:x[n=16]"]
    options = ["--results", str(tmp_path), "--seeds", "1", "--executor", "serial"]
    asked = [part for task in tasks for part in ("-t", task)]
    ran = CliRunner().invoke(main, ["run", "-e", "oracle", *asked, *options])
    assert ran.exit_code == 0, ran.output
    shown = CliRunner().invoke(main, ["show", "suite:bmi", "--results", str(tmp_path)])
    names = {line.split()[0] for line in ran.stdout.splitlines() if line}
    assert names >= {"1v1-normal-0.75", "student-identity-1-1-1", "asinh-student-identity-1-1-1", "x"}
    assert "x-mixture" not in shown.stdout
    assert "asinh-student-identity-1-1-1" in shown.stdout
    assert "published" not in CliRunner().invoke(main, ["show", "student", "--results", str(tmp_path)]).stdout


@pytest.mark.parametrize(
    ("command", "place"), [("report", ["suite:bmi", "--results"]), ("export", ["-t", "suite:bmi"])]
)
def test_a_suite_chooses_what_is_written_as_it_does_what_is_shown(
    command: str, place: list[str], tmp_path: Path
) -> None:
    results, output = str(tmp_path / "results"), tmp_path / f"out.{'html' if command == 'report' else 'csv'}"
    asked = ["-e", "oracle", "-t", "suite:bmi:1v1-normal-0.75[n=16],sphere[n=16]", "--profile", "smoke"]
    ran = CliRunner().invoke(main, ["run", *asked, "--seeds", "1", "--executor", "serial", "--results", results])
    assert ran.exit_code == 0, ran.output
    done = CliRunner().invoke(main, [command, *place, results, "-o", str(output)])
    assert done.exit_code == 0, done.output
    written = output.read_text(encoding="utf-8")
    assert "gaussian" in written
    assert "sphere" not in written


def test_a_row_that_contradicts_the_published_task_has_not_its_name(tmp_path: Path) -> None:
    options = ["--results", str(tmp_path), "--seeds", "1", "--executor", "serial"]
    asked = ["suite:bmi:half_cube-1v1-normal-0.75[n=16,bend=half-cube|cubic]", "suite:bmi2:x[n=16,bend=cubic]"]
    ran = CliRunner().invoke(main, ["run", "-e", "oracle", "-t", asked[0], "-t", asked[1], *options])
    assert ran.exit_code == 0, ran.output
    names = [line.split()[0] for line in ran.stdout.splitlines() if "oracle" in line]
    assert names.count("half_cube-1v1-normal-0.75") == 1
    assert "x" not in names


def test_a_run_says_how_many_tasks_of_a_suite_its_parameters_leave() -> None:
    options = ["--profile", "smoke", "--dry-run"]
    ran = CliRunner().invoke(main, ["run", "-e", "oracle", "-t", "suite:bmi[bend=cubic]", *options])
    assert "mibench: of the 40 tasks of suite:bmi bend=cubic leaves 20 that differ" in ran.stderr
    assert "leaves" not in CliRunner().invoke(main, ["run", "-e", "oracle", "-t", "suite:bmi[n=64]", *options]).stderr


@pytest.mark.parametrize("tasks", [["-t", "ring,x-mixture"], ["-t", "ring", "-t", "x-mixture"]])
def test_several_tasks_run_in_one_command_and_each_has_its_table(tasks: list[str], tmp_path: Path) -> None:
    asked = ["--profile", "smoke", "--executor", "serial", "--device", "cpu", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, ["run", "-e", "gauss", *tasks, *asked])
    assert done.exit_code == 0, done.output
    assert "kappa" in done.stdout
    assert "in all rows: r " in done.stdout


def test_a_list_shows_what_every_suite_holds_and_how_it_was_published() -> None:
    long = CliRunner().invoke(main, ["list", "suites", "--long"]).stdout
    for name, selector in {**BEYOND_NORMAL, **PROFILES}.items():
        assert f"  {name} " in long
        assert f"  {selector}\n" in long
    listed = json.loads(CliRunner().invoke(main, ["list", "suites", "--format", "json"]).stdout)
    assert {suite["name"]: suite["tasks"] for suite in listed}["bmi"] == BEYOND_NORMAL


def test_rows_of_a_suite_are_those_of_cells_that_its_runs_make(tmp_path: Path) -> None:
    frame = mibench.run(
        "gauss", "x-mixture[d=1,r=0|0.5,n=16]", seeds=1, device="cpu", executor="serial", results=tmp_path
    )
    assert set(select(frame, REGISTRY, "x-mixture")["r"]) == {0.0, 0.5}
    assert set(select(frame, REGISTRY, "suite:gradients")["r"]) == {0.5}, "r = 0 is of suite:independence"
    assert set(select(frame, REGISTRY, "suite:gradients[r=0]")["r"]) == {0.0}
