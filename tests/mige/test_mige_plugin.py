"""Claims about the plugin: what it declares, and that declaring it imports no torch."""

import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from typing import Any

import mibench_mige
import pytest
from mibench_mige.plugin import mibench_estimators

from mibench.contracts import Estimator

SPECS = {spec.name: spec for spec in mibench_estimators()}


def test_it_brings_mige_and_its_kin() -> None:
    assert set(SPECS) == {"mige", "mige-calibrated", "mige-rp", "mige-dsm", "mige-ssm"}


@pytest.mark.parametrize("name", SPECS)
def test_every_target_is_an_estimator_whose_parameters_have_defaults(name: str) -> None:
    module, attribute = SPECS[name].target.split(":")
    target = getattr(import_module(module), attribute)
    assert issubclass(target, Estimator)
    assert fields(target.Params())


@pytest.mark.parametrize("name", SPECS)
def test_it_declares_a_gradient_and_that_networks_train(name: str) -> None:
    assert SPECS[name].estimates == {"gradient"}
    assert SPECS[name].trains == (name in {"mige-dsm", "mige-ssm"})


def test_importing_the_plugin_imports_no_torch() -> None:
    code = "import sys, mibench_mige.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_exported_name_can_be_imported() -> None:
    assert set(mibench_mige.__all__) <= set(dir(mibench_mige))
    assert all(callable(getattr(mibench_mige, name)) for name in mibench_mige.__all__)


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        mibench_mige.nonsense  # noqa: B018


WRONG = [
    ("mige", {"threshold": 1.5}, "`threshold` is above 0 and below 1"),
    ("mige", {"rank": 0}, "`rank` is at least 1"),
    ("mige", {"score": "stein", "regularisation": 1e-14}, "`regularisation` is at least 1e-08"),
    ("mige", {"rank": 100, "landmarks": 50}, "rank=100 needs as many landmarks, or auto, not 50"),
    ("mige", {"score": "nu", "steps": 0, "landmarks": "auto"}, "`steps` is at least 1"),
    ("mige", {"conditional": "score", "conditional_samples": 1}, "`conditional_samples` is at least 2"),
    ("mige", {"kernel": "imq"}, "kernel=imq is for score=nu"),
    ("mige-calibrated", {"threshold": 0.0}, "`threshold` is above 0 and below 1"),
    ("mige-rp", {"k": 0}, "`k` is at least 1"),
    ("mige-rp", {"score": "nu", "kernel": "curl-free"}, "kernel=curl-free is for mige"),
]


@pytest.mark.parametrize(("name", "wrong", "message"), WRONG)
def test_parameters_that_fit_nothing_are_refused(name: str, wrong: dict[str, Any], message: str) -> None:
    module, attribute = SPECS[name].target.split(":")
    with pytest.raises(ValueError, match=message):
        getattr(import_module(module), attribute).Params(**wrong)
