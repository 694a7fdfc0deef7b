"""Every field of a spec is held against its type where the spec is made, in one line."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click.testing import Result
from harness_sessions import Install

from mibench.charts import Axis, Chart
from mibench.discovery import load_plugins
from mibench.specs import (
    DatasetSpec,
    EstimatorSpec,
    ExecutorSpec,
    FamilySpec,
    Profile,
    ReferenceSpec,
    SuiteSpec,
    TaskSpec,
)

SPECS: dict[type[Any], Any] = {
    EstimatorSpec: EstimatorSpec(name="a", target="a:A", estimates={"value"}),
    TaskSpec: TaskSpec(name="a", target="a:A", profiles={"quick": Profile(seeds=1)}),
    FamilySpec: FamilySpec(name="a", target="a:A"),
    SuiteSpec: SuiteSpec(name="a", tasks=["b"]),
    DatasetSpec: DatasetSpec(name="a", target="a:A"),
    ReferenceSpec: ReferenceSpec(name="a", file="a:b.csv"),
    ExecutorSpec: ExecutorSpec(name="a", target="a:A"),
}
WHOLE = "`version` is a whole number of at most 64 bits, not "
CHART = Chart(title="a", kind="lines", x=Axis("n"), y=Axis("mi"))


def profile(**fields: Any) -> dict[str, Profile]:
    return {"smoke": Profile(**{"seeds": 1, **fields})}


@pytest.mark.parametrize("version", ["1.0", None, 1.5, True, 10**30])
@pytest.mark.parametrize("kind", [EstimatorSpec, TaskSpec, FamilySpec])
def test_a_version_is_a_whole_number_that_records_hold(kind: type[Any], version: Any) -> None:
    with pytest.raises(TypeError, match=rf"'a': {WHOLE}{version!r}"):
        replace(SPECS[kind], version=version)


@pytest.mark.parametrize("version", [0, -5])
@pytest.mark.parametrize("kind", [EstimatorSpec, TaskSpec, FamilySpec])
def test_versions_begin_at_one(kind: type[Any], version: int) -> None:
    with pytest.raises(ValueError, match=rf"'a': `version` is at least 1, not {version}"):
        replace(SPECS[kind], version=version)


def test_only_a_baseline_estimates_nothing() -> None:
    with pytest.raises(ValueError, match=r"'a': `estimates` is .* or both; only a baseline"):
        replace(SPECS[EstimatorSpec], estimates=set())
    assert replace(SPECS[EstimatorSpec], estimates=set(), baseline_of="images").estimates == frozenset()


@pytest.mark.parametrize("kind", SPECS)
def test_a_summary_is_text(kind: type[Any]) -> None:
    with pytest.raises(TypeError, match="'a': `summary` is text, not None"):
        replace(SPECS[kind], summary=None)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (EstimatorSpec, {"files": 5}, "estimator 'a': `files` is a list, e.g. [5], not 5"),
        (EstimatorSpec, {"files": [None]}, "`files[0]` is text, not None"),
        (EstimatorSpec, {"files": "run.py"}, "`files` is a list, e.g. ['run.py'], not 'run.py'"),
        (EstimatorSpec, {"baseline_of": None}, "`baseline_of` is text, not None"),
        (EstimatorSpec, {"symmetric": "yes"}, "`symmetric` is True or False, not 'yes'"),
        (EstimatorSpec, {"growth": "1"}, "`growth` is a number, not '1'"),
        (EstimatorSpec, {"growth_in_dimensions": True}, "`growth_in_dimensions` is a number or None, not True"),
        (EstimatorSpec, {"growth_from": 1.5}, "`growth_from` is a whole number of at most 64 bits, not 1.5"),
        (EstimatorSpec, {"needs": None}, "`needs` is a set of names, not None"),
        (EstimatorSpec, {"estimates": [["value"]]}, "`estimates` is a set of names, not a list"),
        (EstimatorSpec, {"bound": ["lower"]}, "`bound` cannot be a list; did you mean lower?"),
        (TaskSpec, {"profiles": None}, "task 'a': `profiles` is a dict whose keys are names, not None"),
        (TaskSpec, {"profiles": {5: Profile(seeds=1)}}, "`profiles` is a dict whose keys are names, not a dict"),
        (TaskSpec, {"profiles": {"smoke": 3}}, "`profiles['smoke']` is a Profile, not 3"),
        (TaskSpec, {"profiles": profile(seeds="2")}, "`profiles['smoke'].seeds` is a whole number of at most 64"),
        (TaskSpec, {"profiles": profile(seeds=0)}, "`profiles['smoke'].seeds` is at least 1, not 0"),
        (TaskSpec, {"profiles": profile(sweep={"n": 1.0})}, "`profiles['smoke'].sweep['n']` is a list, e.g. [1.0], n"),
        (TaskSpec, {"profiles": profile(sweep={"n": "12"})}, "`profiles['smoke'].sweep['n']` is a list, e.g. ['12']"),
        (TaskSpec, {"profiles": profile(sweep={"n": []})}, "`profiles['smoke'].sweep['n']` has no values"),
        (TaskSpec, {"profiles": profile(sweep={"n": [[1]]})}, "`profiles['smoke'].sweep['n'][0]` is True or False, a"),
        (TaskSpec, {"table": len}, "`table` is text, not a builtin_function_or_method"),
        (TaskSpec, {"settings": {"mine": 5}}, "`settings['mine']` is a dict whose keys are names, not 5"),
        (TaskSpec, {"charts": [1]}, "`charts[0]` is a Chart, not 1"),
        (TaskSpec, {"charts": None}, "`charts` is a list, not None"),
        (TaskSpec, {"better": None}, "`better` is a dict whose keys are names, not None"),
        (TaskSpec, {"better": {"mi": "bigger"}}, "`better['mi']` cannot be 'bigger'; did you mean higher?"),
        (TaskSpec, {"work": {"n": 3}}, "`work['n']` cannot be 3; there are: always, "),
        (TaskSpec, {"replicable": {5}}, "`replicable` is a set of names, not a set"),
        (FamilySpec, {"grid": {"c": 1.0}}, "family 'a': `grid['c']` is a list, e.g. [1.0], not 1.0"),
        (FamilySpec, {"grid": {"c": []}}, "`grid['c']` has no values"),
        (FamilySpec, {"grid": None}, "`grid` is a dict whose keys are names, not None"),
        (FamilySpec, {"adversarial": "c"}, "`adversarial` is a set of names, e.g. {'c'}, not 'c'"),
        (SuiteSpec, {"tasks": None}, "suite 'a': `tasks` is a list or a dict whose keys are names, not None"),
        (SuiteSpec, {"tasks": "b"}, "`tasks` is a list or a dict whose keys are names, e.g. ['b'], not 'b'"),
        (SuiteSpec, {"tasks": [5]}, "`tasks[0]` is text, not 5"),
        (SuiteSpec, {"tasks": {"b": 5}}, "`tasks['b']` is text, not 5"),
        (ReferenceSpec, {"file": None}, "reference 'a': `file` is text, not None"),
    ],
)
def test_a_field_of_another_type_is_refused_by_name(kind: type[Any], fields: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        replace(SPECS[kind], **fields)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"y": 5}, "chart 'a': `y` is an Axis or a list, not 5"),
        ({"y": [5]}, "`y[0]` is an Axis, not 5"),
        ({"kind": "dots"}, "`kind` cannot be 'dots'; "),
        ({"seeds": "dots"}, "`seeds` cannot be 'dots'; there are: band, lines"),
        ({"series": "n"}, "`series` is a list, e.g. ['n'], not 'n'"),
    ],
)
def test_a_chart_is_checked_likewise(fields: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        replace(CHART, **fields)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["../../evil", "", "a/b", "-a", "a\nb", "a.b", "a" * 101])
def test_names_of_figures_and_charts_are_names_of_files(name: str) -> None:
    with pytest.raises(ValueError, match="task 'a': the name of a figure cannot be "):
        replace(SPECS[TaskSpec], figures={name: "a:f"})
    if name:  # the title then gives one
        with pytest.raises(ValueError, match="task 'a': the name of a chart cannot be "):
            replace(SPECS[TaskSpec], charts=[replace(CHART, name=name)])


def test_a_chart_may_be_called_by_its_title_in_any_letters() -> None:
    for title in ("ρ and I(X;Y)", "in {theta}"):
        assert replace(SPECS[TaskSpec], charts=[replace(CHART, title=title)]).charts


def test_numbers_and_names_of_other_kinds_than_python_s_own_are_taken() -> None:
    numpy = pytest.importorskip("numpy")
    grid = {"c": list(numpy.linspace(1, 2, 2)), "n": list(numpy.arange(2)), "w": [(8, 8), None]}
    assert FamilySpec(name="a", target="a:A", grid=grid, adversarial=["c"]).adversarial == {"c"}


FAMILY = """
from mibench import FamilySpec, hookimpl
@hookimpl
def mibench_families(): return [FamilySpec(name="toy-family", target="a:A", grid={grid})]
"""


@pytest.mark.parametrize("grid", ['{"c": 1.0}', "None"])
def test_a_family_of_a_third_party_breaks_no_listing(grid: str, install: Install, cli: Callable[..., Result]) -> None:
    install("odd-family", FAMILY.format(grid=grid))
    (odd,) = [plugin for plugin in load_plugins() if plugin.name == "odd-family"]
    listed = cli("list", "tasks")
    assert listed.exit_code == 0
    assert listed.stderr == f"mibench: plugin 'odd-family' (odd-family) is broken: {odd.error}\n"
    assert "family 'toy-family': `grid" in odd.error
