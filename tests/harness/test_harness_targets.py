"""`target` takes a class or a function as well as its name, and holds the name: workers import it by that."""

import dataclasses
import pickle
from pathlib import Path

import harness_toys
import pytest

import mibench
from mibench.specs import DatasetSpec, EstimatorSpec, TaskSpec
from mibench.targets import load_target

ONE_FILE = """
from mibench import Context, Estimator, EstimatorSpec, Measurement, Profile, Task, TaskSpec, hookimpl

class Half(Estimator):
    def mi(self, x, y):
        return x.new_full(x.shape[:-2], 0.5)

class Asks(Task):
    def run(self, cells, context):
        x, y = (context.draw(lambda g: __import__("torch").randn(8, 1, generator=g)) for _ in range(2))
        return [[Measurement("mi", value)] for value in context.estimator(1, 1).mi(x, y).tolist()]

@hookimpl
def mibench_estimators():
    return [EstimatorSpec(name="half", target=Half, estimates={"value"})]

@hookimpl
def mibench_tasks():
    return [TaskSpec(name="asks", target=Asks, profiles={"quick": Profile(seeds=2)}, requires={"value"})]
"""


class Outer:
    class Inner:
        """A class inside a class."""


def module_level() -> None:
    """A function."""


@pytest.mark.parametrize("kind", [EstimatorSpec, TaskSpec, DatasetSpec])
@pytest.mark.parametrize("target", [harness_toys.Steady, Outer.Inner, module_level])
def test_a_class_or_function_is_held_as_the_name_that_imports_it(kind: type, target: object) -> None:
    also = {EstimatorSpec: {"estimates": {"value"}}, TaskSpec: {"profiles": {}}}.get(kind, {})
    spec = kind(name="a", target=target, **also)
    assert load_target(spec.target, "a") is target
    assert spec == kind(name="a", target=spec.target, **also)
    assert dataclasses.replace(spec, name="b").target == spec.target
    assert pickle.loads(pickle.dumps(spec)) == spec  # noqa: S301 - as executors send it


def test_what_no_worker_could_import_is_refused() -> None:
    class Local:
        pass

    with pytest.raises(ValueError, match=r"<locals>\.Local, which is defined inside a function"):
        EstimatorSpec(name="a", target=Local, estimates={"value"})
    with pytest.raises(ValueError, match="workers cannot import"):
        DatasetSpec(name="a", target=lambda root, download: None)
    with pytest.raises(TypeError, match=r"a class, a function or its 'package.module:name', not 3"):
        EstimatorSpec(name="a", target=3, estimates={"value"})  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"missing .* 'target'"):
        EstimatorSpec(name="a", estimates={"value"})


@pytest.mark.parametrize("executor", ["serial", "process"])
def test_a_single_file_that_names_classes_runs_in_workers(executor: str, tmp_path: Path) -> None:
    plugin = tmp_path / f"one_file_{executor}.py"
    plugin.write_text(ONE_FILE)
    frame = mibench.run("half", "asks", executor=executor, results=tmp_path / "results", plugins=[str(plugin)])
    assert frame[["status", "value"]].to_numpy().tolist() == [["ok", 0.5]] * 2
