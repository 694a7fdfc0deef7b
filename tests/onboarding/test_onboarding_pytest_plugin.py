"""What mibench adds to pytest, as the projects of others have it: strict, warnings as errors."""

import pytest

import mibench.testing  # what the runs in this process import, and would otherwise forget again

pytest_plugins = ["pytester"]
assert mibench.testing.PROPERTIES
STRICT = "[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\nxfail_strict = true\n"
PLUGIN = """
from dataclasses import dataclass

from mibench import Estimator, EstimatorSpec, hookimpl


@hookimpl
def mibench_estimators():
    return [SPEC]


SPEC = EstimatorSpec(
    name="mean", target="mean_of_x:Mean", estimates={"value"}, summary="a mean", reference="none"
)


class Mean(Estimator):
    @dataclass(frozen=True, kw_only=True)
    class Params:
        double: bool = False

    def mi(self, x, y):
        return (x[..., :1] * y[..., :1]).mean(ANSWER_AXES) ** 2 / (1 if self.params.double else 2)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(STRICT)
    pytester.makepyfile(mean_of_x=PLUGIN.replace("ANSWER_AXES", "(-2, -1)"))
    pytester.syspathinsert()
    return pytester


def test_it_imports_next_to_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="import sys\n"
        "def test_it(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.hasplugin('mibench')\n"
        "    ours = {name for name in sys.modules if name.split('.')[0].startswith('mibench')}\n"
        "    assert ours == {'mibench', 'mibench.pytest_plugin'}\n"
    )
    assert project.runpytest_subprocess().ret == 0


def test_an_option_checks_an_estimator_beside_the_projects_own_tests(project: pytest.Pytester) -> None:
    project.makepyfile(test_it="def test_own(): pass\n")
    options = ["--mibench", "mean[double=true]", "--mibench-plugin", "./mean_of_x.py", "-rs", "-v", "-k", "not spec"]
    done = project.runpytest_inprocess(*options)
    assert done.ret == 0
    assert "test_it.py::test_own PASSED" in done.stdout.str()
    assert "mibench::mean[double=true]::shapes PASSED" in done.stdout.str()
    assert "estimates no gradient" in done.stdout.str()
    assert "1 deselected" in done.stdout.str()


def test_a_failure_says_what_was_expected_what_came_and_where_to_read(project: pytest.Pytester) -> None:
    project.makepyfile(mean_of_x=PLUGIN.replace("ANSWER_AXES", "-1"))
    done = project.runpytest_inprocess(
        "--mibench", "mean", "--mibench-plugin", "./mean_of_x.py", "-k", "shapes or dtype"
    )
    assert done.ret == 1
    assert "mean does not keep the contract: shapes: every answer is (*replicas,)" in done.stdout.str()
    assert (
        "expected  `mi` of x (*replicas, n, dx) and y (*replicas, n, dy) to be (*replicas,) = ()" in done.stdout.str()
    )
    assert "got       (16,)" in done.stdout.str()
    assert "read      mibench.contracts.Estimator" in done.stdout.str()
    assert "pytest_plugin.py" not in done.stdout.str()
    assert "1 failed, 1 passed" in done.stdout.str()


@pytest.mark.parametrize("selector", ["mien", "mean[", "mean[treble=true]"])
def test_a_wrong_selector_is_one_line(selector: str, project: pytest.Pytester) -> None:
    done = project.runpytest_inprocess("--mibench", selector, "--mibench-plugin", "./mean_of_x.py")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = filter(None, done.stderr.str().splitlines())
    assert line.startswith(f"ERROR: --mibench {selector}: ")


@pytest.mark.parametrize("selector", [["--mibench", "gauss"], []])
def test_a_plugin_that_is_named_and_broken_is_refused(project: pytest.Pytester, selector: list[str]) -> None:
    project.makepyfile(test_it="def test_passes(): pass\n", bad="syntax error\n")
    for plugin in ("./bad.py", "./nowhere.py"):
        done = project.runpytest_inprocess(*selector, "--mibench-plugin", plugin, "-k", "passes")
        assert done.ret == pytest.ExitCode.USAGE_ERROR
        (line,) = filter(None, done.stderr.str().splitlines())
        assert line.startswith("ERROR: --mibench-plugin: ")
        assert plugin.strip("./") in line


def test_the_fixture_makes_a_test_a_property(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="from mean_of_x import SPEC\n"
        "def test_by_spec(mibench_check): mibench_check(SPEC, double=True)\n"
        "def test_by_name(mibench_check): mibench_check('mean', steps=3)\n"
        "def test_unknown(mibench_check): mibench_check('mien')\n"
        "def test_property(mibench_property): assert mibench_property.claim\n"
    )
    done = project.runpytest_inprocess("--mibench-plugin", "mean_of_x", "-k", "shapes or bound", "-v")
    assert "test_it.py::test_by_spec[shapes] PASSED" in done.stdout.str()
    assert "test_it.py::test_by_spec[bound] SKIPPED (no bound is declared)" in done.stdout.str()
    assert "test_it.py::test_by_name[shapes] PASSED" in done.stdout.str()
    assert "there is no estimator 'mien'; did you mean " in done.stdout.str()
    assert "test_it.py::test_property[bound] PASSED" in done.stdout.str()
    assert "2 failed, 4 passed, 2 skipped" in done.stdout.str()
