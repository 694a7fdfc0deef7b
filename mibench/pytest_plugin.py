"""mibench's plugin for pytest. pytest loads it in every project, so it imports nothing of mibench until it is used.

`pytest --mibench mine` adds a test for each property of the contract. In a package's own tests the fixture
`mibench_check` turns a test function into one test per property::

    def test_keeps_the_contract(mibench_check):
        mibench_check("cca")
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mibench.contracts import Estimator
    from mibench.discovery.registry import Entry, Registry
    from mibench.specs import EstimatorSpec, Scalar
    from mibench.testing import Property
    from mibench.testing.subject import Subject

Check = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--mibench` and `--mibench-plugin`."""
    group = parser.getgroup("mibench", "mibench: conformance of estimators of mutual information")
    group.addoption(
        "--mibench",
        action="append",
        default=[],
        metavar="SELECTOR",
        help='Check an estimator, e.g. mine or "mine[hidden=32x32]", against the contract of mibench. Repeatable.',
    )
    group.addoption(
        "--mibench-plugin",
        action="append",
        default=[],
        metavar="PLUGIN",
        help="A plugin of mibench to load: ./file.py or a module. Repeatable.",
    )


@pytest.hookimpl(tryfirst=True)  # before `-k` deselects
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Adds a test for each estimator that `--mibench` names and each property.

    Raises:
        pytest.UsageError: a plugin that `--mibench-plugin` names is broken, or there is no such estimator.
    """
    if config.getoption("mibench_plugin"):
        from mibench.errors import UsageError

        try:
            _registry(config)
        except UsageError as error:
            raise pytest.UsageError(f"--mibench-plugin: {error}") from error
    selectors: list[str] = config.getoption("mibench") or []
    for selector in selectors:
        items.extend(_conformance(session, selector))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Turns a test that uses `mibench_property` or `mibench_check` into one test per property."""
    if "mibench_property" in metafunc.fixturenames:
        from mibench.testing import PROPERTIES

        metafunc.parametrize("mibench_property", PROPERTIES, ids=lambda claim: claim.name)


@pytest.fixture
def mibench_check(mibench_property: "Property", request: pytest.FixtureRequest) -> Check:
    """Checks an estimator, by its name, its class or its `EstimatorSpec`, against one property of the contract.

    Call it with parameters that make the estimator quick, e.g. `mibench_check("mine", hidden=(32, 32))`, and with
    `steps=`, the updates before bounds are judged. What does not apply is skipped.
    """

    def check(estimator: "str | type[Estimator] | EstimatorSpec", *, steps: int = 200, **params: "Scalar") -> None:
        from mibench.errors import UsageError
        from mibench.testing.lookup import look_up

        try:
            spec = _find(request.config, estimator).spec if isinstance(estimator, str) else look_up(estimator)[0]
            _judge(mibench_property, spec, params, steps)
        except UsageError as error:
            pytest.fail(str(error), pytrace=False)

    return check


class ConformanceItem(pytest.Item):
    """A test: a property of an estimator."""

    def __init__(
        self, *, claim: "Property", spec: "EstimatorSpec", params: Mapping[str, "Scalar"], **other: Any
    ) -> None:
        super().__init__(**other)
        self.claim = claim
        self.spec = spec
        self.params = params

    def runtest(self) -> None:
        """Fails with what was expected and what the estimator returned."""
        _judge(self.claim, self.spec, self.params)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message, which holds the estimator's traceback; pytest's own traceback would hide it."""
        return (
            str(excinfo.value) if excinfo.errisinstance(pytest.fail.Exception) else super().repr_failure(excinfo, style)
        )

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """The place of the test: no file."""
        return "mibench", None, self.name


def _judge(claim: "Property", spec: "EstimatorSpec", params: Mapping[str, "Scalar"], steps: int = 200) -> None:
    verdict = claim.verdict(_subject(spec, tuple(sorted(params.items())), steps))
    if verdict.status == "not applicable":
        pytest.skip(verdict.message)
    if verdict.status == "failed":
        lines = (
            f"{spec.name} does not keep the contract: {claim.name}: {claim.claim}",
            f"expected  {verdict.expected}",
            f"got       {verdict.got}",
            verdict.hint and f"hint      {verdict.hint}",
            f"read      {verdict.see}, and docs/conformance.md",
        )
        pytest.fail("\n".join(filter(None, [*lines, verdict.traceback])), pytrace=False)


@functools.lru_cache(maxsize=4)
def _subject(spec: "EstimatorSpec", params: tuple[tuple[str, "Scalar"], ...], steps: int) -> "Subject":
    """One for all properties of an estimator, which share what it has been trained to."""
    from mibench.testing import make_subject

    return make_subject(spec, dict(params), steps=steps)


def _conformance(session: pytest.Session, text: str) -> Iterator[ConformanceItem]:
    from mibench.discovery.registry import load_params
    from mibench.errors import MibenchError
    from mibench.plan.selectors import combinations, parse_selector, spell
    from mibench.testing import PROPERTIES

    try:
        selector = parse_selector(text)
        entry = _find(session.config, selector.name)
        chosen = combinations(load_params(entry), selector.sweep, f"estimator {entry.name}")
    except MibenchError as error:
        raise pytest.UsageError(f"--mibench {text}: {error}") from error
    for params in chosen:
        for claim in PROPERTIES:
            spelled = spell(entry.name, params)
            yield ConformanceItem.from_parent(
                session,
                name=f"{spelled}-{claim.name}",
                nodeid=f"mibench::{spelled}::{claim.name}",
                claim=claim,
                spec=entry.spec,
                params=dataclasses.asdict(params),
            )


def _find(config: pytest.Config, name: str) -> "Entry[EstimatorSpec]":
    from mibench.errors import UsageError
    from mibench.specs import EstimatorSpec

    registry = _registry(config)
    try:
        return registry.find(EstimatorSpec, name)
    except UsageError as error:
        broken = [f"; plugin {plugin.name!r} is broken: {plugin.error}" for plugin in registry.plugins if plugin.error]
        raise UsageError(f"{error}{''.join(broken)}") from error


def _registry(config: pytest.Config) -> "Registry":
    from mibench.discovery.registry import load_registry

    return load_registry(config.getoption("mibench_plugin") or ())
