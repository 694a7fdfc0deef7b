"""`mibench check`: does an estimator keep the contract?"""

import dataclasses

import click

from mibench.cli import options
from mibench.errors import UsageError
from mibench.selectors import combinations, parse_selector
from mibench.specs import EstimatorSpec


@click.command("check")
@click.argument("estimator")
@click.option(
    "--steps", type=click.IntRange(min=0), default=200, show_default=True, help="Updates before bounds are judged."
)
@options.plugins
def command(estimator: str, steps: int, plugins: tuple[str, ...]) -> None:
    """Check ESTIMATOR (a selector, e.g. "mine[hidden=32x32]") against the contract, property by property.

    Small networks are enough and faster. Exits with 1 if a property fails.
    """
    from mibench.registry import load_target
    from mibench.testing import PROPERTIES, check_estimator

    selector = parse_selector(estimator)
    entry = options.open_registry(plugins).find(EstimatorSpec, selector.name)
    owner = f"estimator {entry.name!r} of plugin {entry.plugin.name!r}"
    chosen = combinations(load_target(entry.spec.target, owner).Params, selector.sweep, owner)
    if len(chosen) != 1:
        raise UsageError(f"{estimator!r} stands for {len(chosen)} estimators; check one at a time")
    width, failed = max(len(one.name) for one in PROPERTIES), 0
    for one in PROPERTIES:
        (verdict,) = check_estimator(entry.spec, dataclasses.asdict(chosen[0]), properties=[one], steps=steps)
        failed += verdict.status == "failed"
        click.echo(f"{verdict.name:{width}}  {verdict.status:14}  {verdict.message or one.claim}")
    click.echo(f"{entry.name}: {f'{failed} properties failed' if failed else 'keeps the contract'}")
    if failed:
        raise SystemExit(1)
