"""Claims about the plugin: what it declares, and that declaring it imports no torch."""

import subprocess
import sys
from importlib import import_module

import mibench_ratio
import pytest
from mibench_ratio.plugin import mibench_estimators

from mibench.contracts import Estimator

SPECS = {spec.name: spec for spec in mibench_estimators()}


@pytest.mark.parametrize("name", SPECS)
def test_every_target_is_an_estimator_that_needs_samples_alone(name: str) -> None:
    module, attribute = SPECS[name].target.split(":")
    target = getattr(import_module(module), attribute)
    assert issubclass(target, Estimator)
    assert SPECS[name].estimates == {"value", "gradient"}
    assert not SPECS[name].needs
    target.Params()


def test_importing_the_plugin_imports_no_torch() -> None:
    code = "import sys, mibench_ratio.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_exported_name_can_be_imported() -> None:
    assert set(mibench_ratio.__all__) <= set(dir(mibench_ratio))
    assert all(callable(getattr(mibench_ratio, name)) for name in mibench_ratio.__all__)


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        mibench_ratio.nonsense  # noqa: B018
