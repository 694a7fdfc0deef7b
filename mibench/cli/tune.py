"""`mibench tune`: searches an estimator's parameters at a stated budget."""

import importlib
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from mibench.cli import completion, interruption, loading, options, streams, tables
from mibench.text import number, pluralise

if TYPE_CHECKING:
    from mibench.runner import Job
    from mibench.tuning.answer import Tuning
    from mibench.tuning.candidates import Candidate, Tuner


@click.command("tune", short_help="Search an estimator's parameters.")
@click.option(
    "--estimator",
    "-e",
    "estimators",
    required=True,
    metavar="SELECTOR",
    help='E.g. mine, or "mine[hidden=64x64,critic=separable|joint]": one value fixes a parameter.',
    shell_complete=completion.estimators,
)
@click.option(
    "--task",
    "-t",
    "tasks",
    required=True,
    multiple=True,
    metavar="SELECTOR",
    help="E.g. suite:gradients. Repeatable.",
    shell_complete=completion.tasks,
)
@click.option("--trials", type=int, default=50, show_default=True, help="How many candidates, beside the default.")
@click.option("--samples", type=float, help="Begin no candidate when trials have seen so many pairs.")
@click.option("--seconds", type=float, help="Begin no candidate when trials have taken so many seconds.")
@click.option(
    "--measurement",
    type=click.Choice(["mi_gradient", "mi"]),
    help="Whose error is made small.  [default: the gradient's where there is one]",
)
@options.profile
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds a candidate.  [default: the profile's]")
@options.results
@options.workforce
@click.option("--rerun", type=click.Choice(["missing", "failed"]), default="missing", show_default=True)
@options.data_dir
@options.download
@click.option("--history", is_flag=True, help="Show every candidate, not the best alone.")
@options.form
@options.plugins
@click.pass_context
def command(
    ctx: click.Context,
    trials: int,
    samples: float | None,
    seconds: float | None,
    measurement: Any,
    rerun: Any,
    history: bool,
    form: tables.Format,
    **wanted: Any,
) -> None:
    """Search an estimator's parameters for the smallest error, and show the best beside the default.

    Candidates are ordinary trials, on seeds that no run has. The same command goes on after an interruption.
    """
    from mibench import runner
    from mibench.plan.request import RunRequest
    from mibench.tuning.request import TuneRequest

    run = RunRequest(**wanted)
    request = TuneRequest(
        run=run, trials=trials, samples=samples, seconds=seconds, measurement=measurement, rerun=rerun
    )
    registry = loading.open_registry(wanted["plugins"])
    fitting, answers = (importlib.import_module(f"mibench.tuning.{name}") for name in ("fitting", "answer"))
    tuner: Tuner = fitting.fit(request, registry)
    tried: list[Candidate] = []
    try:
        with runner.make_executor(registry, run) as executor:
            for candidate in tuner.candidates(executor, lambda job: _progress(job, executor.workers)):
                tried.append(candidate)
                streams.say(_line(candidate, min(tried, key=lambda it: it.error), trials))
    except KeyboardInterrupt as error:
        kept = pluralise(max(len(tried) - 1, 0), "candidate")
        interruption.end(ctx, error, f"{kept} kept and what was done of the next, the same command goes on")
    _finish(ctx, answers.answer(tuner, tried), history, form)


def _progress(job: "Job", workers: int) -> Any:
    """A live line on a terminal; elsewhere a line a candidate is enough."""
    if not sys.stderr.isatty():
        return nullcontext()
    from mibench.cli.progress import RunProgress

    return RunProgress(job.batches, job.store, workers)


def _line(candidate: "Candidate", best: "Candidate", trials: int) -> str:
    which = f"{candidate.number}/{trials} {candidate.estimator}" if candidate.number else "default"
    lost = f", failed in {pluralise(candidate.failed, 'cell')}" if candidate.failed else ""
    lost += f" ({candidate.unmade})" if candidate.unmade else ""
    return f"mibench: {which}: error {number(candidate.error)}{lost}; best {number(best.error)}"


def _finish(ctx: click.Context, tuning: "Tuning", history: bool, form: tables.Format) -> None:
    from mibench.cli.progress import say_reasons

    tables.write(tuning.history if history else tuning.table, form)
    streams.say(f"mibench: {tuning.spent}")
    say_reasons((record for candidate in tuning.candidates for record in candidate.not_ok), spelled=False)
    if tuning.best.number:
        streams.say("mibench: the smallest of many errors is too small by chance; the seeds of the table tell:")
        streams.say(f"  {tuning.command}")
    else:
        streams.say("mibench: no candidate has a smaller error than the default")
    if tuning.default.failed == tuning.default.cells:
        streams.say("mibench: the default failed in every cell, so that its error says nothing")
        ctx.exit(1)
