"""`mibench run`: the main job."""

import importlib
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from mibench.cli import completion, loading, options, reading, streams, tables
from mibench.errors import CommandError, PluginError, StoreError
from mibench.plan.trial import edited_after
from mibench.specs import FamilySpec, TaskSpec
from mibench.text import duration, durations, listed, pluralise

if TYPE_CHECKING:
    import pandas as pd

    from mibench.discovery.registry import Registry
    from mibench.executors import Limits
    from mibench.runner import Job
    from mibench.store.forecast import Forecast
    from mibench.store.record import Record
    from mibench.store.spread import Span

_MANY = 100_000
"""More trials than this take long to plan, and a line says so."""


@click.command("run", short_help="Run what is missing, and show the table.")
@click.option(
    "--estimators",
    "-e",
    required=True,
    multiple=True,
    metavar="SELECTORS",
    help='E.g. "mige[threshold=0.94|0.99],mine", or all. Repeatable.',
    shell_complete=completion.estimators,
)
@click.option(
    "--task",
    "-t",
    "tasks",
    required=True,
    multiple=True,
    metavar="SELECTOR",
    help='E.g. gaussian, or "gaussian[d=5|20,n=256]". Repeatable.',
    shell_complete=completion.tasks,
)
@options.profile
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds, from 0.  [default: the profile's]")
@options.results
@options.workforce
@click.option("--rerun", type=click.Choice(["missing", "failed", "all"]), default="missing", show_default=True)
@options.data_dir
@options.download
@click.option("--dry-run", is_flag=True, help="Say what would be run, and run nothing.")
@options.form
@options.plugins
@click.pass_context
def command(ctx: click.Context, dry_run: bool, form: tables.Format, **wanted: Any) -> None:
    """Run what is missing of estimators x cells x seeds, and show the table.

    The same command resumes after an interruption, and does nothing when all is done.
    """
    if sys.stderr.isatty() and not dry_run:
        streams.say("mibench: starting")  # what follows imports for seconds
    from mibench import runner
    from mibench.executors import submitted
    from mibench.plan import count_trials
    from mibench.plan.request import RunRequest

    request = RunRequest(**wanted)
    registry = loading.open_registry(wanted["plugins"])
    if (count := count_trials(registry, request)) > _MANY:
        streams.say(f"mibench: planning {count:,} trials, which takes a while")
    if dry_run:
        limits = runner.make_limits(request)
        if request.executor == "process":
            limits = limits.on_this_machine()
        job = runner.prepare(request, registry)
        streams.say_each(job.plan.left_out)
        streams.echo(_dry_run_summary(job, limits))
        return
    with runner.make_executor(registry, request) as executor:
        if executor.plans:
            submitted(executor, int)  # starts the workers, which load torch while this process loads pandas
        importlib.import_module("pandas")
        from mibench.cli.progress import carry_out

        job = runner.prepare(request, registry, executor if executor.plans else None)
        streams.say_each(job.plan.left_out)
        reading.warn_invalid(job.invalid)
        for name, count in job.edited.items():
            line = f"{edited_after(name, count)}, which are not run again; if its numbers change"
            streams.say(f"mibench: {line}, raise `version` in its spec or say --rerun all")
        measured = carry_out(ctx, job, executor)
    _finish(ctx, job, form, measured)


def _finish(ctx: click.Context, job: "Job", form: tables.Format, measured: int) -> None:
    from mibench.cli.progress import say_reasons
    from mibench.frames import tidy
    from mibench.reporting.summary import summarise

    records = job.records
    newer = job.newer(records)
    reading.warn_invalid(newer)
    loading.say_unreadable(job.registry)
    summaries = summarise(tidy(records), job.registry, ctx.params["tasks"])
    tables.write(_as_asked(summaries, job.registry, ctx.params["tasks"]), form)
    counts = Counter(record.outcome.status for record in records)
    summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    lost = [f"{len(newer)} of a newer mibench"] if newer else []
    if missing := job.missing(records, newer):
        lost.append(f"{missing} missing, whose records were removed meanwhile or cannot be read")
    summary = ", ".join(filter(None, [summary, *lost]))
    planned = len(job.plan.trials)
    now = "" if measured == planned else f", {measured} of them now"
    streams.say(f"mibench: {pluralise(planned, 'trial')}{now}: {summary}; records in {job.store.records}")
    say_reasons(records)
    loaded = "".join(f" -p {plugin}" for plugin in ctx.params["plugins"])
    families, estimators = _suspects(records, {entry.name for entry in job.registry.entries(FamilySpec)})
    for name in families:
        streams.say(f"  every estimator fails on {name}: does its truth hold? try `mibench check {name}{loaded}`")
    for name in estimators:
        streams.say(f"  does {name} keep the contract? try `mibench check {name}{loaded}`")
    if newer or missing or any(status.failed for status in counts):
        ctx.exit(1)


def _as_asked(
    summaries: "dict[str, pd.DataFrame]", registry: "Registry", tasks: tuple[str, ...]
) -> "dict[str, pd.DataFrame]":
    """Tables by task, in the order in which tasks were asked for."""
    from mibench.plan.selectors import parse_selectors
    from mibench.plan.suites import expand

    asked = [registry.find(TaskSpec, selector.name).spec.name for selector in expand(registry, parse_selectors(tasks))]
    return {name: summaries[name] for name in sorted(summaries, key=lambda it: asked.index(it.rpartition(":")[2]))}


def _suspects(records: "Sequence[Record]", families: Collection[str]) -> tuple[list[str], list[str]]:
    """Families that every estimator failed on, and estimators that failed elsewhere.

    A family counts if several estimators failed on its samples, or if an error names the plugin as the fault.
    """
    samples: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.outcome.status != "skipped":
            samples[record.trial.task, f"{record.trial.cell} {record.trial.seed}"].append(record)
    wrong, blamed = set[str](), set[str]()
    for (task, _), alike in samples.items():
        failed = {record.trial.estimator for record in alike if _is_to_blame(record)}
        named = any(_raised(record, PluginError) for record in alike)
        several = len(failed) > 1 or named
        if task in families and several and all(_is_to_blame(it) or _raised(it, PluginError) for it in alike):
            wrong.add(task)
        else:
            blamed |= failed
    return sorted(wrong), sorted(blamed)


def _is_to_blame(record: "Record") -> bool:
    """Whether the estimator's code may be why a trial failed, where no error names what else it was."""
    return record.outcome.status == "failed" and not _raised(record, PluginError, CommandError, StoreError)


def _raised(record: "Record", *kinds: type[Exception]) -> bool:
    """Whether a trial ended with an error of one of these kinds."""
    error = record.outcome.error
    return error is not None and error.type in {kind.__name__ for kind in kinds}


def _dry_run_summary(job: "Job", limits: "Limits") -> str:
    """Counts, and an ETA from the trials of each estimator that are on record."""
    from mibench.store.forecast import forecast

    expected = forecast(job.batches, job.store)
    wanted = sum(len(batch.trials) for batch in job.batches)
    lines = [f"{pluralise(len(job.plan.trials), 'trial')}, {len(job.plan.trials) - wanted} done, {wanted} to run"]
    lines += [
        f"  {count} x {name}" for name, count in Counter(t.spelled for b in job.batches for t in b.trials).items()
    ]
    workers = limits.workers or 1
    shared = f", {_span(expected.on(workers))} on {workers}" if workers > 1 else ""
    if expected.seconds:
        lines.append(f"about {_span(expected.on(1))} on one worker{shared} ({limits.device})")
    for name, seconds in sorted(expected.guesses.items()):
        more = " more" if expected.seconds else ""
        lines.append(f"{name} takes {duration(seconds)}{more} at a guess, which its first trial will correct")
    for name, cell in sorted(expected.elsewhere.items()):
        unscaled = ", ".join(sorted(expected.unscaled[name]))
        reserve = f"; how its time grows with {unscaled} is not known" if unscaled else ""
        lines.append(f"  {name} is extrapolated from trials of {cell}{reserve}")
    if expected.unknown:
        start = "not counting" if expected.seconds or expected.guesses else "no estimate for"
        lines.append(f"{start} {', '.join(_untimed(expected))}: no timing on record yet")
    return "\n".join(lines)


def _untimed(expected: "Forecast") -> Iterator[str]:
    """The estimators of which nothing is on record, with the tasks where there is of others."""
    timed = {trial.kind[0] for trial in expected.trials.values() if trial.seconds is not None}
    for name, tasks in expected.unknown.items():
        where = listed(tasks) if len(tasks) <= 3 else pluralise(len(tasks), "task")
        yield f"{name} on {where}" if name in timed else name


def _span(span: "Span") -> str:
    """What is expected, or where that is not sure, from when to when."""
    return duration(span.seconds) if span.sure else durations(span.low, span.high)
