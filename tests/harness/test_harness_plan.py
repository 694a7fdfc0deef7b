"""Keys: everything that decides a trial's numbers, and nothing else."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest

import mibench
from mibench.comparison import cell_errors
from mibench.contracts import Task
from mibench.discovery import Plugin, load_plugins
from mibench.discovery.registry import Registry, load_params
from mibench.errors import PluginError, UsageError
from mibench.frames import PUBLISHED_AS
from mibench.plan import Plan, count_trials, make_plan, misfit
from mibench.plan.request import RunRequest
from mibench.plan.tasks import refuse_absent, refuse_reserved
from mibench.plan.trial import ON_DATA, RESERVED, TAKEN, Trial, canonical_json
from mibench.reporting.summary import means
from mibench.specs import EstimatorSpec, Profile, TaskSpec

TRIAL = Trial(
    estimator="steady",
    spelled="steady[scale=2.0]",
    estimator_plugin="toys",
    estimator_version=1,
    parameters={"scale": 2.0, "widths": (8, 8), "rank": None, "kind": "near", "centred": False},
    task="toy",
    task_plugin="toys",
    task_version=1,
    cell={"d": 2, "rho": 0.5},
    seed=0,
    device="cpu",
    dtype="float32",
)
OTHER = {
    "estimator": "steadier",
    "estimator_plugin": "others",
    "estimator_version": 2,
    "parameters": {**TRIAL.parameters, "scale": 2.5},
    "task": "toys",
    "task_plugin": "others",
    "task_version": 2,
    "cell": {"d": 2, "rho": 0.25},
    "seed": 1,
    "device": "cuda",
    "dtype": "float64",
    "data": "digits: another edition",
}


def planned(registry: Registry, estimators: Any, tasks: Any, **options: Any) -> Plan:
    return make_plan(registry, RunRequest(estimators=estimators, tasks=tasks, **options))


def keys(plan: Plan) -> list[str]:
    return [trial.key for trial in plan.trials]


def test_the_key_is_pinned_so_that_records_outlive_releases() -> None:
    assert TRIAL.key == "7b84e2942dabcf2a"


@pytest.mark.parametrize("name", OTHER)
def test_the_key_changes_with_whatever_decides_the_numbers(name: str) -> None:
    assert replace(TRIAL, **{name: OTHER[name]}).key != TRIAL.key


def test_the_key_ignores_spelling_skips_and_the_order_of_parameters() -> None:
    turned = dict(reversed(TRIAL.parameters.items()))
    assert replace(TRIAL, spelled="other", skip="reason", parameters=turned).key == TRIAL.key


def test_every_field_of_a_trial_is_known_to_these_tests() -> None:
    assert set(TRIAL.__dataclass_fields__) == {*OTHER, "spelled", "skip"}


def test_canonical_json_refuses_what_json_cannot_say() -> None:
    assert canonical_json({"b": (1, None), "a": 0.5}) == '{"a":0.5,"b":[1,null]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(math.nan)


def test_plan_does_not_depend_on_the_order_of_the_command(registry: Registry) -> None:
    first = planned(registry, "steady[scale=1|2],lost", "toy[rho=0.5|-0.5,d=2|3]")
    other = planned(registry, ["lost", "steady[scale=2|1]"], "toy[d=3|2,rho=-0.5|0.5]")
    assert keys(first) == keys(other)
    assert len(keys(first)) == len(set(keys(first))) == 3 * 4 * 2


def test_plan_does_not_depend_on_the_name_of_the_profile(registry: Registry) -> None:
    plans = [planned(registry, "steady", "toy", profile=profile) for profile in ("smoke", "other")]
    assert keys(plans[0]) == keys(plans[1])
    spelled_out = planned(registry, "steady[scale=1.0]", "toy[d=2,rho=0.5]", profile="quick", seeds=1)
    assert keys(spelled_out) == keys(plans[0])


def test_values_of_the_task_selector_go_before_the_profile(registry: Registry) -> None:
    plan = planned(registry, "steady", "toy[rho=0.1]", seeds=1)
    assert [dict(trial.cell) for trial in plan.trials] == [{"d": 2, "rho": 0.1}]


def test_more_seeds_keep_the_trials_of_fewer(registry: Registry) -> None:
    assert set(keys(planned(registry, "steady", "toy", seeds=3))) < set(
        keys(planned(registry, "steady", "toy", seeds=5))
    )


def test_what_is_asked_for_twice_is_run_once(registry: Registry) -> None:
    assert keys(planned(registry, "steady,steady[scale=1]", "toy")) == keys(planned(registry, "steady", "toy"))


def test_what_is_asked_for_twice_is_run_once_in_a_batch_too(registry: Registry) -> None:
    plan = planned(registry, "steady,steady[scale=1|1]", "toy[rho=0.5|0.5|-0.5]", batch=4)
    assert len(keys(plan)) == len(set(keys(plan))) == 2 * 2


def test_trials_are_counted_before_they_are_made(registry: Registry) -> None:
    for request in (
        RunRequest(estimators="steady[scale=1|2|3],steep", tasks="toy[d=1|2,rho=0.1|0.2]", seeds=5),
        RunRequest(estimators="all", tasks="toy", profile="smoke"),
    ):
        assert count_trials(registry, request) == len(make_plan(registry, request).trials)


def test_more_trials_than_memory_holds_are_refused_before_any_is_made(registry: Registry) -> None:
    values = "|".join(map(str, range(1, 3001)))
    request = RunRequest(estimators="steady", tasks=f"toy[d={values},rho={values}]", seeds=1)
    with pytest.raises(UsageError, match=r"9,000,000 trials are too many for one run, .* at most; split them"):
        make_plan(registry, request)


def test_several_tasks_are_the_union_of_each(registry: Registry) -> None:
    small, large = (planned(registry, "steady", f"toy[d={d}]") for d in (2, 3))
    assert set(keys(planned(registry, "steady", ["toy[d=2]", "toy[d=3]"]))) == {*keys(small), *keys(large)}
    assert set(keys(planned(registry, "steady", "toy[d=2],toy[d=3]"))) == {*keys(small), *keys(large)}


def test_all_stands_for_every_estimator_that_fits(registry: Registry) -> None:
    fitting = {
        e.spec.name for e in registry.entries(EstimatorSpec) if not misfit(e.spec, registry.find(TaskSpec, "toy").spec)
    }
    trials = planned(registry, "all", "toy", profile="smoke").trials
    assert {trial.estimator for trial in trials} == fitting
    assert "steep" not in fitting
    with pytest.raises(UsageError, match="all takes no parameters"):
        planned(registry, "all[scale=1]", "toy")


def test_trials_run_in_the_order_of_their_keys(registry: Registry) -> None:
    planned_keys = keys(planned(registry, "steady,lost", "toy", seeds=5))
    assert planned_keys == sorted(planned_keys)


def test_a_batch_differs_in_seeds_and_replicable_parameters_alone(registry: Registry) -> None:
    plan = planned(registry, "steady", "toy[d=2|3]", seeds=3, batch=2)
    assert sorted(len(batch.trials) for batch in plan.batches) == [1, 1, 1, 1, 2, 2, 2, 2]
    for batch in plan.batches:
        assert len({canonical_json(dict(trial.cell)) for trial in batch.trials}) == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"estimators": ""}, "no estimator was named"),
        ({"estimators": "stead"}, "there is no estimator 'stead'; did you mean steady"),
        ({"tasks": "toi"}, "there is no task 'toi'; did you mean toy"),
        ({"profile": "papre"}, "task toy has no profile 'papre'; there are: quick, smoke, other"),
        ({"tasks": "toy[roh=1]"}, "task toy has no parameter 'roh'; did you mean rho?"),
        ({"estimators": "steady[kind=middling]"}, "estimator steady: kind is near|far, not 'middling'"),
    ],
)
def test_what_does_not_exist_is_named(asked: dict[str, Any], message: str, registry: Registry) -> None:
    with pytest.raises(UsageError) as caught:
        planned(registry, **({"estimators": "steady", "tasks": "toy"} | asked))
    assert message in str(caught.value)


class Hollow(Task):
    """A task with whatever parameters a test puts here."""


def hollow_plan(params: Any, monkeypatch: pytest.MonkeyPatch, registry: Registry, **declared: Any) -> Plan:
    monkeypatch.setattr(Hollow, "Params", params, raising=False)
    profiles = {"quick": Profile(seeds=1)}
    spec = TaskSpec(name="hollow", target=f"{__name__}:Hollow", profiles=profiles, **declared)
    plugins = [*registry.plugins, Plugin("hollow", "here", specs=[spec])]
    return planned(Registry(plugins), "steady", "hollow")


@pytest.mark.parametrize("name", sorted(filter(str.isidentifier, TAKEN)))
def test_a_task_parameter_may_not_bear_the_name_of_a_column(
    name: str, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    params = dataclass(frozen=True, kw_only=True)(type("Params", (), {"__annotations__": {name: int}, name: 1}))
    with pytest.raises(PluginError, match=f"task hollow: a parameter may not be called {name}"):
        hollow_plan(params, monkeypatch, registry)


@dataclass(frozen=True, kw_only=True)
class NoDefault:
    width: int


@pytest.mark.parametrize("params", [NoDefault, dict, None])
def test_parameters_that_are_no_defaulted_dataclass_are_the_plugins_fault(
    params: Any, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    with pytest.raises(PluginError, match=r"task 'hollow' of plugin 'hollow'.*Params"):
        hollow_plan(params, monkeypatch, registry)


def params_of(kind: Any, default: Any) -> type[Any]:
    fields = [("rate", kind, field(default_factory=lambda: default))]
    return make_dataclass("Params", fields, frozen=True, kw_only=True)


@pytest.mark.parametrize(
    ("kind", "default", "named"),
    [
        (list, [], "list"),
        (tuple, (1,), "tuple"),
        (Path, Path("x"), "pathlib"),
        (bytes, b"x", "bytes"),
        (Any, 1, "Any"),
        (object, 1, "object"),
        (Sequence[int], (1,), "Sequence[int]"),
        (tuple[float, ...], (1.0,), "tuple[float, ...]"),
        (tuple | None, None, "tuple | None"),
        (complex, 1j, "complex"),
        (frozenset, frozenset(), "frozenset"),
        (Literal[b"x"], b"x", "Literal[b'x']"),
    ],
)
def test_a_parameter_that_no_selector_can_spell_is_refused_with_its_field_and_what_it_may_be(
    kind: Any, default: Any, named: str, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    with pytest.raises(PluginError) as refused:
        hollow_plan(params_of(kind, default), monkeypatch, registry)
    message = str(refused.value)
    assert message.startswith(
        "task 'hollow' of plugin 'hollow': the field rate of Params may be bool, int, float, str, Literal, "
        "tuple[int, ...] or one of those | None, not "
    )
    assert named in message


@pytest.mark.parametrize(("kind", "default"), [(int, "text"), (float, math.nan), (Literal["a"], "b")])
def test_a_default_of_another_type_says_whose_it_is(
    kind: Any, default: Any, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    with pytest.raises(UsageError, match="task hollow: rate is "):
        hollow_plan(params_of(kind, default), monkeypatch, registry)


def test_widths_of_a_fixed_number_are_as_many(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> None:
    assert hollow_plan(params_of(tuple[int, int], (1, 2)), monkeypatch, registry).trials[0].cell == {"rate": (1, 2)}
    with pytest.raises(UsageError, match="task hollow: rate is widths like 512x512, not '1x2x3'"):
        hollow_plan(params_of(tuple[int, int], (1, 2, 3)), monkeypatch, registry)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"replicable": {"rat"}}, "`replicable` names 'rat', which is no parameter; did you mean rate?"),
        ({"judges": "nope"}, "`judges` names 'nope', which is no parameter; there are: rate"),
        ({"work": {"nope": "always"}}, "`work` names 'nope', which is no parameter"),
        ({"statistics": "nope:f"}, "`statistics` is a package.module:function, and there is none at 'nope:f'"),
        ({"table": "math"}, "`table` is a package.module:function, and there is none at 'math'"),
        ({"figures": {"map": "nope.deep:f"}}, "`map` is a package.module:function, and there is none"),
    ],
)
def test_a_spec_that_names_what_is_not_there_is_refused_before_anything_is_run(
    declared: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    with pytest.raises(PluginError) as refused:
        hollow_plan(params_of(float, 1.0), monkeypatch, registry, **declared)
    assert f"task 'hollow' of plugin 'hollow': {message}" in str(refused.value)


def test_a_sum_of_work_may_name_what_the_task_lacks(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> None:
    work: dict[str, Any] = {"rate+other": "always"}
    assert hollow_plan(params_of(float, 1.0), monkeypatch, registry, work=work).trials


def gone(registry: Registry) -> Registry:
    spec = EstimatorSpec(name="gone", target="no_such_module:Gone", estimates={"value"})
    return Registry([*registry.plugins, Plugin("odd", "here", specs=[spec])])


def test_all_leaves_out_what_cannot_be_made_and_says_so_once(registry: Registry) -> None:
    plan = planned(gone(registry), "all", "toy,toy[rho=0.25]")
    assert "steady" in {trial.estimator for trial in plan.trials}
    (sentence,) = plan.left_out
    assert sentence.startswith("`all` leaves out estimator 'gone' of plugin 'odd': cannot import 'no_such_module:Gone'")
    assert plan.with_seeds_from(5).left_out == plan.left_out
    with pytest.raises(PluginError, match="estimator 'gone' of plugin 'odd': cannot import"):
        planned(gone(registry), "steady,gone", "toy")


def test_every_column_of_a_frame_is_reserved(run: Callable[..., Any]) -> None:
    assert set(run(profile="smoke").columns) - {"d", "rho"} == set(RESERVED)


def test_every_column_that_stands_beside_parameters_is_taken(run: Callable[..., Any], results: Path) -> None:
    run(profile="smoke")
    wide = mibench.load(results, wide=True)
    own = {name for name in [*wide.columns, *means(wide).columns] if "." not in name}
    assert own - {"d", "rho"} <= TAKEN
    assert {*cell_errors.COLUMNS, "relative", PUBLISHED_AS, ON_DATA} <= TAKEN


def test_no_task_that_ships_has_a_parameter_of_a_taken_name() -> None:
    registry = Registry(load_plugins([]))
    for entry in registry.entries(TaskSpec):
        refuse_reserved(load_params(entry), entry.name)
        refuse_absent(entry.spec, load_params(entry), entry.name)


@pytest.mark.parametrize(
    ("estimates", "needs", "requires", "offers", "reason"),
    [
        ({"value"}, set(), {"value"}, set(), ""),
        ({"value", "gradient"}, {"training"}, {"gradient"}, set(), ""),
        ({"gradient"}, set(), {"value"}, set(), "e does not estimate the value, which t requires"),
        ({"gradient"}, {"conditional"}, set(), set(), "e needs p(y|x), which t does not know"),
        ({"gradient"}, {"conditional"}, set(), {"conditional"}, ""),
    ],
)
def test_a_pair_fits_or_says_why_not(
    estimates: set[Any], needs: set[Any], requires: set[Any], offers: set[Any], reason: str
) -> None:
    estimator = EstimatorSpec(name="e", target="", estimates=frozenset(estimates), needs=frozenset(needs))
    task = TaskSpec(name="t", target="", profiles={}, requires=frozenset(requires), offers=frozenset(offers))
    assert misfit(estimator, task) == reason
