"""A range says what a tuning tries of a parameter; one that does not fit is refused, and none changes a key."""

import dataclasses
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import tuning_toys

import mibench
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry, load_params
from mibench.errors import PluginError
from mibench.plan.selectors import Selector
from mibench.search import Search, declared_searches
from mibench.specs import EstimatorSpec
from mibench.store import Store
from mibench.tuning.space import Choices, Range, space_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Everything:
    rate: Annotated[float, Search(1e-5, 1e-2, log=True)] = 1e-4
    share: Annotated[float | None, Search(0.9, 0.9999)] = None
    k: Annotated[int, Search(1, 20)] = 3
    flag: Annotated[bool, Search()] = True
    kind: Annotated[Literal["a", "b"], Search()] = "a"
    hidden: Annotated[tuple[int, ...], Search(among=[(64,), (64, 64)])] = (8,)
    width: Annotated[int | None, Search(among=[None, 2])] = None
    other: float = 1.0


def test_every_form_of_a_range_is_read_in_the_order_of_the_fields() -> None:
    assert space_of(Everything, Selector("all", {}), "estimator all") == {
        "rate": Range(1e-5, 1e-2, log=True),
        "share": Range(0.9, 0.9999),
        "k": Range(1, 20, whole=True),
        "flag": Choices(("false", "true")),
        "kind": Choices(("a", "b")),
        "hidden": Choices(("64", "64x64")),
        "width": Choices(("none", "2")),
    }


@pytest.mark.parametrize(
    ("range_", "number", "text"),
    [
        (Range(1e-5, 1e-2, log=True), 0.00012345, "0.000123"),
        (Range(0.9, 0.9999), 0.98765, "0.9877"),
        (Range(0.99, 0.99999), 0.999994, "0.99999"),
        (Range(0.5, 2.0), 1.23456, "1.23"),
        (Range(1, 20, whole=True), 7, "7"),
    ],
)
def test_a_number_that_is_tried_has_few_digits(range_: Range, number: float, text: str) -> None:
    assert range_.spell(number) == text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: Search(1), "a range has two ends"),
        (lambda: Search(2, 1), "a range goes from a number to a larger one"),
        (lambda: Search(0, math.inf), "a range goes from a number to a larger one"),
        (lambda: Search(0, 1, log=True), "logarithms need a range above 0"),
        (lambda: Search(log=True), "log=True is about a range"),
        (lambda: Search(0, 1, among=[1]), "in a range or among values, not both"),
    ],
)
def test_what_is_no_range_is_refused(given: Callable[[], Search], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        given()


@pytest.mark.parametrize(
    ("kind", "search", "message"),
    [
        (str, Search(1, 2), "a range is of numbers"),
        (int, Search(1.5, 3), "whole ends"),
        (float, Search(), "need no range"),
        (int, Search(among=["many"]), "is an integer, not 'many'"),
    ],
)
def test_a_range_that_does_not_fit_its_parameter_is_the_plugins_error(kind: Any, search: Search, message: str) -> None:
    params = dataclasses.make_dataclass("Params", [("field", Annotated[kind, search], dataclasses.field(default=1))])
    with pytest.raises(PluginError, match=message):
        space_of(params, Selector("wrong", {}), "estimator wrong")


def test_a_range_changes_no_key(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_ranges = {record.key for record in Store(_run(results / "with")).read()[0]}

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Bare:
        rate: float = 1e-1
        width: int = 1
        kind: Literal["near", "far"] = "far"
        centred: bool = False

    monkeypatch.setattr(tuning_toys.Tunable, "Params", Bare)
    assert {record.key for record in Store(_run(results / "without")).read()[0]} == with_ranges


def _run(results: Path) -> Path:
    mibench.run("tunable", "known", results=results, device="cpu", plugins=["tuning_toys"])
    return results


def test_ranges_are_declared_and_read_without_torch_and_optuna() -> None:
    code = """
import dataclasses, sys
from typing import Annotated
import mibench
from mibench.search import declared_searches
@dataclasses.dataclass
class Params:
    rate: Annotated[float, mibench.Search(1e-5, 1e-2, log=True)] = 1e-3
assert list(declared_searches(Params)) == ["rate"]
import mibench.cli.tune
print(sorted({"torch", "pandas", "optuna"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def nearest(x: Any, y: Any, k: Annotated[int, Search(1, 9)] = 3) -> float:
    del x, y
    return float(k)


def test_a_plain_functions_range_is_that_of_its_argument() -> None:
    params: Any = mibench.from_function(nearest, name="nearest").load("nearest").Params
    assert space_of(params, Selector("nearest", {}), "estimator nearest") == {"k": Range(1, 9, whole=True)}


def _installed() -> list[Any]:
    entries = Registry(load_plugins([])).entries(EstimatorSpec)
    return [entry for entry in entries if declared_searches(load_params(entry))]


def test_every_range_of_an_installed_estimator_fits_and_holds_the_default() -> None:
    installed = _installed()
    assert {"mine", "infonce", "mige", "rsm", "ksg", "binning"} <= {entry.name for entry in installed}
    for entry in installed:
        params = load_params(entry)
        for name, dimension in space_of(params, Selector(entry.name, {}), entry.name).items():
            default = getattr(params(), name)
            inside = (
                dimension.low <= default <= dimension.high
                if isinstance(dimension, Range)
                else mibench.plan.selectors.spell_value(default) in dimension.texts
            )
            assert inside, f"{entry.name}: {name}"
