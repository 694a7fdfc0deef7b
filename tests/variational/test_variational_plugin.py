"""The plugin declares what its classes are, and costs no torch to list."""

import importlib
import subprocess
import sys

import mibench_variational
import pytest
from variational_cases import SPECS

from mibench.contracts import Estimator


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_listing_the_estimators_imports_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; from mibench_variational.plugin import mibench_estimators; names = mibench_estimators();"
        "print(len(names), [name for name in ('torch', 'pandas', 'numpy') if name in sys.modules])"
    )
    assert run(code).strip() == f"{len(SPECS)} []"


@pytest.mark.parametrize("name", SPECS)
def test_every_target_is_an_estimator(name: str) -> None:
    module, _, attribute = SPECS[name].target.partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    assert issubclass(kind, Estimator)
    assert getattr(mibench_variational, attribute) is kind
    assert attribute in dir(mibench_variational)


def test_every_estimator_trains_and_cites_its_paper() -> None:
    for spec in SPECS.values():
        assert spec.trains
        assert "value" in spec.estimates
        assert spec.summary
        assert spec.reference


def test_a_name_the_package_lacks_is_refused() -> None:
    with pytest.raises(AttributeError, match="'mibench_variational' has no attribute 'Nothing'"):
        _ = mibench_variational.Nothing
