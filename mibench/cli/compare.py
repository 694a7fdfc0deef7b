"""`mibench compare`: judges results by references, or by a baseline."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mibench.cli import completion, loading, options, reading, rows, streams, tables
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.refusal import refuse_combination
from mibench.specs import EVERY, SHIPPED, EstimatorSpec
from mibench.text import interval, number, pluralise, ratio

if TYPE_CHECKING:
    import pandas as pd

    from mibench.comparison.tuned import Parameters


_CONTEXT = ("task", "cell", "estimator", "measurement", "cells", "seeds", "provenance")
"""Columns that stand in a line below a table to read where all rows say the same."""


@click.command("compare", short_help="Judge results, or an estimator beside others.")
@click.argument("subject", metavar="[RESULTS|ESTIMATOR]", default="", shell_complete=completion.subjects)
@click.option(
    "--with",
    "rivals",
    multiple=True,
    metavar="SELECTORS",
    help="Compare ESTIMATOR with these, with all, or with shipped: what mibench ships.",
    shell_complete=completion.rivals,
)
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="NAME",
    help="Which references.  [default: all]",
    shell_complete=completion.references,
)
@click.option("--baseline", type=click.Path(path_type=Path), help="Compare with these results instead, seed by seed.")
@options.tasks
@options.estimators
@options.measurements
@click.option(
    "--large",
    type=click.FloatRange(min=0),
    default=None,
    help="The share below which no difference counts.  [default: 0.05; 0.01 of a baseline]",
)
@options.parameters
@click.option("--strict", is_flag=True, help="Exit with 3 if something is inconclusive, or nothing was compared.")
@options.form
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where ESTIMATOR was measured: a folder, or a CSV file of mibench.",
)
@options.plugins
@click.pass_context
def command(
    ctx: click.Context,
    subject: str,
    rivals: tuple[str, ...],
    references: tuple[str, ...],
    baseline: Path | None,
    tasks: tuple[str, ...],
    estimators: tuple[str, ...],
    measurements: tuple[str, ...],
    large: float | None,
    parameters: "Parameters | None",
    strict: bool,
    form: tables.Format,
    results: Path,
    plugins: tuple[str, ...],
) -> None:
    """Judge RESULTS by references, or by a baseline of other results.

    RESULTS is a folder, a CSV file of mibench, or `shipped` for what mibench ships.

    With --with, compare ESTIMATOR with others on the same data instead: mibench compare mine --with infonce,mige.

    Exits with 1 if anything is worse, with 3 if --strict and something is inconclusive or nothing was compared.
    """
    refuse_combination(subject if rivals else "", rivals, baseline is not None, references)
    registry = loading.open_registry(plugins)
    if rivals:
        _refuse_results(subject, rivals, results, registry)
    elif subject:
        _refuse_lone_estimator(subject, registry)
        results = Path(subject)
    wide = baseline is not None  # seconds are compared only in one environment
    whole = reading.read_frame(results, wide=wide, coded=not wide)
    from mibench.comparison.error_table import quantities_of
    from mibench.comparison.request import CompareRequest, compare_as_asked
    from mibench.comparison.selection import select
    from mibench.comparison.tuned import keep_apart
    from mibench.plan.selectors import split_names

    of_tasks, own = rows.chosen("nothing to compare in", whole, registry, results, tasks, estimators)
    frame = own
    names = split_names(rivals)
    if SHIPPED in names:
        frame = rows.put_beside(frame, SHIPPED)
        names = [name for name in names if name != SHIPPED] or [EVERY]
    frame = keep_apart(frame, parameters, named=not rivals or EVERY not in names or bool(estimators))
    request = CompareRequest(
        estimator=subject if rivals else "",
        rivals=names,
        baseline=select(reading.read_frame(baseline, wide=wide), registry, tasks, estimators) if baseline else None,
        against=str(baseline or ""),
        references=references,
        measurements=split_names(measurements),
        large=large,
    )
    compared = compare_as_asked(request, frame, registry)
    there = quantities_of(own, registry) if rivals else None
    rows.say_unfound(whole, of_tasks, tasks, estimators, measurements, quantities=there)
    readable = _pairs_to_read(compared) if rivals else _verdicts_to_read(compared)
    tables.write(readable if form in {"table", "md"} else compared, form, below=_CONTEXT)
    _summarise(compared, frame, rivals=bool(rivals), baseline=bool(baseline))
    counts = Counter(compared["verdict"])
    undecided = counts["inconclusive"] or counts["other settings"] == len(compared)
    ctx.exit(1 if counts["worse"] else 3 if strict and undecided else 0)


def _refuse_lone_estimator(subject: str, registry: Registry) -> None:
    """Refuses an estimator in the place of results, which are a folder or a file.

    Raises:
        UsageError: this is such an estimator.
    """
    if _is_estimator(subject, registry) and not Path(subject).exists():
        hint = f"did you mean `mibench compare {subject} --with all`?"
        raise UsageError(f"there are no results in {subject}, which is an estimator; {hint}")


def _refuse_results(subject: str, rivals: tuple[str, ...], results: Path, registry: Registry) -> None:
    """Refuses results in the place of an estimator.

    Raises:
        UsageError: these are such results.
    """
    path = Path(subject)
    if _is_estimator(subject, registry) or not path.exists():
        return
    if path.is_file() or (path / "records").is_dir() or not results.exists():  # a plugin's folder may bear its name
        hint = f"say `mibench compare ESTIMATOR --with {','.join(rivals)} --results {subject}`"
        raise UsageError(f"with --with an estimator comes first, and {subject} is a path; {hint}")


def _is_estimator(name: str, registry: Registry) -> bool:
    names = {name for entry in registry.entries(EstimatorSpec) for name in (entry.name, entry.spec.name)}
    return name.partition("[")[0] in names


def _summarise(compared: "pd.DataFrame", frame: "pd.DataFrame", *, rivals: bool, baseline: bool) -> None:
    """Says on stderr how many rows got which verdict, what was left out, and how many of the other trials failed.

    Where nothing was compared it names the ways of comparing that were not taken, by `rivals` or by a `baseline`.
    """
    from mibench.comparison.soundness import sound
    from mibench.outcome import Status

    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(Counter(compared["verdict"]).items()))
    streams.say(f"mibench: {pluralise(len(compared), 'row')} compared{f': {counts}' if counts else ''}")
    streams.say_each(compared.attrs["left_out"], "  ")
    if compared.empty and not baseline:
        streams.say("  --baseline RESULTS compares with other results of the same trials, seed by seed")
    if compared.empty and not rivals:
        streams.say("  ESTIMATOR --with all compares one of these estimators with the others on the same data")
    if not frame["status"].isin(Status.failures()).any():
        return
    kept, _ = sound(frame)
    statuses = kept.loc[~kept["key"].duplicated(), "status"]
    if failed := int(statuses.isin(Status.failures()).sum()):
        streams.say(f"  {failed} of {pluralise(len(statuses), 'trial')} failed; `mibench report` shows why")


def _pairs_to_read(compared: "pd.DataFrame") -> "pd.DataFrame":
    """Estimators beside each other as a table for reading: the most urgent first, all tasks before the single ones."""
    from mibench.comparison.contests import ALL_TASKS
    from mibench.comparison.pairwise import RATIOS

    ways = [ratio if name in compared.attrs[RATIOS] else interval for name in compared["measurement"]]
    ends = zip(compared["effect"], compared["low"], compared["high"], strict=True)
    pairs = zip(compared["wins"], compared["ties"], compared["losses"], strict=True)
    lost = zip(compared["failed"], compared["rival_failed"], strict=True)
    shown = compared.assign(
        error=[shown(*numbers) for shown, numbers in zip(ways, ends, strict=True)],
        p=_p_values(compared),
        pairs=["/".join(map(str, numbers)) for numbers in pairs],
        failed=["/".join(map(str, numbers)) if any(numbers) else "" for numbers in lost],
        single=compared["task"] != ALL_TASKS,
    )
    shown = _most_urgent_first(shown.sort_values("single", kind="stable"))
    names = ["verdict", "measurement", "task", "rival", "error", "p", "pairs", "failed", "cells", "seeds", "reason"]
    headers = {"error": "error / rival's (95 %)", "pairs": "won / tied / lost", "failed": "failed / rival's"}
    return shown[names].rename(columns=headers)


def _verdicts_to_read(verdicts: "pd.DataFrame") -> "pd.DataFrame":
    """The verdicts as a table for reading: the most urgent first, without the columns that only programs need."""
    from mibench.reporting.verdicts import readable

    names = ["verdict", "task", "cell", "estimator", "measurement", "measured", "seeds", "reference", "difference", "p"]
    return readable(verdicts)[[*names, "provenance", "reason"]].rename(columns={"measured": "mean (95 %)"})


def _p_values(compared: "pd.DataFrame") -> list[str]:
    return [number(value, digits=2) for value in compared["p"]]


def _most_urgent_first(compared: "pd.DataFrame") -> "pd.DataFrame":
    from mibench.comparison.verdicts import VERDICTS

    order = {verdict: rank for rank, verdict in enumerate(VERDICTS)}
    return compared.sort_values("verdict", key=lambda column: column.map(order), kind="stable")
