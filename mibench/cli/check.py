"""`mibench check`: checks an estimator against the contract, or proves the truth of a family."""

import contextlib
import dataclasses
import sys
import textwrap
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import click

from mibench.cli import completion, interruption, loading, options, streams
from mibench.discovery.registry import Entry, Registry
from mibench.errors import UsageError
from mibench.plan.selectors import Selector, combinations, parse_selector
from mibench.specs import EstimatorSpec, FamilySpec, TaskSpec
from mibench.text import pluralise

if TYPE_CHECKING:
    from mibench.testing import Property, Verdict
    from mibench.testing.subject import Subject

_WIDTH = 110


@click.command("check", short_help="Check an estimator against the contract, or a family's truth.")
@click.argument("subject", metavar="ESTIMATOR|FAMILY", shell_complete=completion.estimators)
@click.option(
    "--steps", type=click.IntRange(min=0), default=200, show_default=True, help="Updates before bounds are judged."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds a property may take, in a worker process."
)
@click.option("--verbose", "-v", is_flag=True, help="Show the tracebacks of what failed.")
@options.plugins
def command(subject: str, steps: int, timeout: float | None, verbose: bool, plugins: tuple[str, ...]) -> None:
    """Check an estimator (a selector, e.g. "mine[hidden=32x32]") against the contract, property by property.

    For a property that fails it shows what was expected, what the estimator returned and which page to read. A mistake
    that several properties run into is one failure. Small networks suffice and are faster. With --timeout an estimator
    that hangs or ends its process fails the property in which it does.

    Of a family (e.g. "student[nu=2,bend=asinh]") its truth is proved: information against the mean of the exact log
    ratio, its derivative against finite differences and against Monte Carlo means, and what bends and copies must keep.

    Exits with 1 if a property or a claim fails.
    """
    selector, registry = parse_selector(subject), loading.open_registry(plugins)
    names = {entry.name for entry in registry.entries(EstimatorSpec)}
    if selector.name not in names and selector.name in {entry.name for entry in registry.entries(FamilySpec)}:
        if timeout is not None:
            raise UsageError("a family is proved in this process, without a time limit; leave --timeout out")
        failed = _prove(registry.find(FamilySpec, selector.name), selector)
    else:
        failed = _check(_find(registry, selector.name), selector, steps, timeout, verbose)
    if failed:
        raise SystemExit(1)


def _prove(entry: Entry[FamilySpec], selector: Selector) -> bool:
    """Shows every claim on a family's truth; whether one of them fails."""
    from mibench.testing.families import findings_of_spec

    failed: list[str] = []
    for finding in findings_of_spec(entry.spec, _single(selector)):
        failed += [finding.claim] * (not finding.holds)
        streams.echo(f"{finding.claim:24}  {'holds' if finding.holds else 'FAILS':5}  {finding.detail}")
    conclusion = f"{pluralise(len(failed), 'claim')} failed: {', '.join(failed)}"
    streams.echo(f"{entry.name}: {conclusion if failed else 'its truth holds in every way'}")
    return bool(failed)


def _single(selector: Selector) -> dict[str, str]:
    for name, values in selector.sweep.items():
        if len(values) > 1:
            raise UsageError(f"{selector.name} has {len(values)} values of {name}; check one cell at a time")
    return {name: value for name, (value,) in selector.sweep.items()}


def _check(entry: Entry[EstimatorSpec], selector: Selector, steps: int, timeout: float | None, verbose: bool) -> bool:
    """Shows every property of an estimator; whether one of them fails."""
    from mibench.discovery.registry import load_params
    from mibench.testing import PROPERTIES, make_subject

    chosen = combinations(load_params(entry), selector.sweep, entry.owner)
    if len(chosen) != 1:
        raise UsageError(f"{selector.name!r} stands for {len(chosen)} estimators; check one at a time")
    width, failed = max(len(claim.name) for claim in PROPERTIES), list[str]()
    subject = make_subject(entry.spec, dataclasses.asdict(chosen[0]), steps=steps)
    verdicts = _verdicts(subject, entry.plugin.origin, timeout)
    for claim in PROPERTIES:
        try:
            with _shown(f"judging {claim.name}"):
                verdict = next(verdicts)
        except KeyboardInterrupt as error:
            interruption.end(click.get_current_context(), error, f"{claim.name!r} was being judged")
        failed += [verdict.name] * (verdict.status == "failed")
        for line in _lines(claim, verdict, width, verbose):
            streams.echo(line)
    streams.echo(_conclusion(entry, failed))
    return bool(failed)


def _verdicts(subject: "Subject", origin: str, timeout: float | None) -> Iterator["Verdict"]:
    """The verdicts on all properties, each judged when it is asked for: in this process, or in a worker."""
    from mibench.testing import PROPERTIES

    if timeout is None:
        return (claim.verdict(subject) for claim in PROPERTIES)
    from mibench.testing.apart import verdicts_apart

    return verdicts_apart(PROPERTIES, subject, timeout, [origin] if origin.endswith(".py") else [])


@contextlib.contextmanager
def _shown(line: str) -> Generator[None]:
    """Shows a line on a terminal meanwhile; it stays there if an estimator kills this process."""
    if not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(line)
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write(f"\r{' ' * len(line)}\r")
        sys.stderr.flush()


def _find(registry: Registry, name: str) -> Entry[EstimatorSpec]:
    if not any(name == entry.name for entry in registry.entries(EstimatorSpec)):
        for task in registry.entries(TaskSpec):
            if task.name == name:
                run = f"mibench run --estimators NAME --task {name} --profile smoke"
                raise UsageError(f"{name} is a task, and the contract is for estimators; try the task with `{run}`")
    return registry.find(EstimatorSpec, name)


def _lines(claim: "Property", verdict: "Verdict", width: int, verbose: bool) -> Iterator[str]:
    failed = verdict.status == "failed"
    yield f"{_row(verdict, width)}  {claim.claim if failed else verdict.message or claim.claim}"
    if failed:
        margin = " " * (width + 2)
        parts = {"expected": verdict.expected, "got": verdict.got, "hint": verdict.hint, "read": verdict.see}
        for label, text in parts.items():
            if text:
                yield textwrap.fill(
                    text,
                    _WIDTH,
                    initial_indent=f"{margin}{label:10}",
                    subsequent_indent=margin + " " * 10,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
        if verbose:
            yield textwrap.indent(verdict.traceback.rstrip(), margin)


def _row(verdict: "Verdict", width: int) -> str:
    return f"{verdict.name:{width}}  {verdict.status:14}"


def _conclusion(entry: Entry[EstimatorSpec], failed: list[str]) -> str:
    if not failed:
        return f"{entry.name}: keeps the contract"
    noun = "property" if len(failed) == 1 else "properties"
    return f"{entry.name}: {len(failed)} {noun} failed: {', '.join(failed)} (docs/conformance.md says what each asks)"
