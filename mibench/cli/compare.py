"""`mibench compare`: judges results by references, or by a baseline."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mibench.cli import options, streams, tables
from mibench.errors import UsageError
from mibench.text import pluralise

if TYPE_CHECKING:
    import pandas as pd

    from mibench.discovery.registry import Registry


@click.command("compare", short_help="Judge results by references, or by a baseline.")
@click.argument("results", type=click.Path(path_type=Path), default=Path("results"))
@click.option("--reference", "names", multiple=True, metavar="NAME", help="Which references.  [default: all]")
@click.option("--baseline", type=click.Path(path_type=Path), help="Compare with these results instead, seed by seed.")
@options.tasks
@options.estimators
@options.measurements
@click.option(
    "--large",
    type=click.FloatRange(min=0),
    default=None,
    help="The share of a reference below which no difference counts.  [default: 0.05; 0.01 of a baseline]",
)
@click.option("--strict", is_flag=True, help="Exit with 3 if something is inconclusive.")
@click.option("--format", "form", type=click.Choice(tables.FORMATS), default="table", show_default=True)
@options.plugins
@click.pass_context
def command(
    ctx: click.Context,
    results: Path,
    names: tuple[str, ...],
    baseline: Path | None,
    tasks: tuple[str, ...],
    estimators: tuple[str, ...],
    measurements: tuple[str, ...],
    large: float | None,
    strict: bool,
    form: tables.Format,
    plugins: tuple[str, ...],
) -> None:
    """Judge RESULTS (a folder, or a CSV file of mibench) by references, or by a baseline of other results.

    Exits with 1 if anything is worse, with 3 if --strict and something is inconclusive or nothing was compared.
    """
    from mibench.comparison import LARGE, compare, coverage
    from mibench.comparison.baseline import LARGE as LARGE_OF_BASELINE
    from mibench.comparison.baseline import compare_baseline
    from mibench.frames import narrow

    if names and baseline:
        raise UsageError("compare with references or with a baseline, not with both: drop --reference or --baseline")
    registry = options.open_registry(plugins)
    frame = narrow(options.read_frame(results), tasks, estimators, measurements)
    if frame.empty:
        raise UsageError(f"nothing to compare in {results}; `mibench show` says what there is")
    if baseline:
        other = narrow(options.read_frame(baseline), tasks, estimators, measurements)
        large = LARGE_OF_BASELINE if large is None else large
        verdicts = compare_baseline(frame, other, registry, against=str(baseline), large=large)
        unmatched = coverage.unmatched(frame, other, owner="the baseline")
    else:
        other = _references(registry, names)
        verdicts = compare(frame, other, registry, large=LARGE if large is None else large)
        unmatched = coverage.unmatched(frame, other, owner="the references")
    streams.write(tables.render(_for_people(verdicts) if form in {"table", "md"} else verdicts, form))
    _summarise(verdicts, frame, unmatched)
    counts = Counter(verdicts["verdict"])
    ctx.exit(1 if counts["worse"] else 3 if strict and (counts["inconclusive"] or verdicts.empty) else 0)


def _summarise(verdicts: "pd.DataFrame", frame: "pd.DataFrame", unmatched: Sequence[str]) -> None:
    """Says on stderr how many rows got which verdict, what was not compared, and how many trials failed."""
    from mibench.outcome import Status

    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(Counter(verdicts["verdict"]).items()))
    streams.say(f"mibench: {pluralise(len(verdicts), 'row')} compared{f': {counts}' if counts else ''}")
    for sentence in unmatched:
        streams.say(f"  {sentence}")
    if verdicts.empty:
        streams.say("  --baseline RESULTS compares with other results of the same trials, seed by seed")
    trials = frame.drop_duplicates("key")
    if failed := int(trials["status"].isin(Status.failures()).sum()):
        streams.say(f"  {failed} of {pluralise(len(trials), 'trial')} failed; `mibench report` shows why")


def _references(registry: "Registry", names: Sequence[str]) -> "pd.DataFrame":
    from mibench.comparison.references import load_references
    from mibench.specs import ReferenceSpec

    references = load_references(registry)
    if not names:
        return references
    for name in names:
        registry.find(ReferenceSpec, name)
    return references[references["reference"].isin(names)]


def _for_people(verdicts: "pd.DataFrame") -> "pd.DataFrame":
    """The verdicts as a table for reading: the most urgent first, without the columns that only programs need."""
    from mibench.reporting.verdicts import readable

    names = ["verdict", "task", "cell", "estimator", "measurement", "measured", "seeds", "reference", "difference", "p"]
    return readable(verdicts)[[*names, "provenance", "reason"]].rename(columns={"measured": "mean (95 %)"})
