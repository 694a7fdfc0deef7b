"""Tunings: the parameters of an estimator, searched at a stated budget on seeds that no table has."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mibench.discovery.registry import load_registry
from mibench.executors.hosted import end_unguarded_worker
from mibench.plan.request import AnyPath, Device, RunRequest
from mibench.refusal import spoken_in_python
from mibench.runner import make_executor
from mibench.tuning.request import Retry, Target, TuneRequest

if TYPE_CHECKING:
    from mibench.tuning.answer import Tuning


@spoken_in_python()
def tune(  # noqa: PLR0913 - the keywords of the command line
    estimator: str,
    task: str | Sequence[str],
    *,
    trials: int = 50,
    samples: float | None = None,
    seconds: float | None = None,
    measurement: Target | None = None,
    seeds: int | None = None,
    profile: str = "quick",
    results: AnyPath = "results",
    device: Device = "auto",
    executor: str | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    timeout: float | None = None,
    memory: float | None = None,
    batch: int = 1,
    rerun: Retry = "missing",
    plugins: AnyPath | Sequence[AnyPath] = (),
    data_dir: AnyPath | None = None,
    download: bool = False,
) -> "Tuning":
    """Searches the parameters of an estimator for the smallest error, on seeds that no run has.

    Candidates are ordinary trials in the results folder: the same call goes on where another was interrupted.

    Args:
        estimator: a selector. A parameter with one value is fixed; with several it is searched among these, in place
            of the range that the estimator declares.
        task: selectors of tasks whose truth is known, e.g. `suite:gradients`.
        trials: how many candidates are tried beside the default.
        samples: no candidate is begun when trials have seen so many pairs; `None` for no limit.
        seconds: no candidate is begun when trials have taken so many seconds; `None` for no limit.
        measurement: the quantity whose error is made small: `mi_gradient` or `mi`; `None` for the gradient where the
            estimator has one.
        seeds: how many seeds each candidate has; `None` for the profile's number.
        profile: `smoke`, `quick` or `paper`.
        results: the folder of the records.
        device: `auto` takes a GPU if there is one.
        executor: where trials run, as for `mibench.run`.
        scheduler: short for the executor `dask[scheduler=ADDRESS]`.
        workers: how many batches at once.
        timeout: seconds a batch may take.
        memory: GiB a worker may use.
        batch: how many trials of one shape to train in one program.
        rerun: `missing` runs what has no record, `failed` also what failed when it was tried before.
        plugins: as after `-p`: files, modules, or `no:NAME`.
        data_dir: the folder of data sets.
        download: whether data sets that are missing may be fetched into it.

    Returns:
        The candidates, the best of them, and the command that runs it on the seeds of the table.

    Raises:
        UsageError: something that was asked for does not exist or does not fit, or Optuna is not installed.
        StoreError: results cannot be written, or a newer mibench has recorded a trial.
    """
    end_unguarded_worker()
    run = RunRequest(
        estimators=estimator,
        tasks=task,
        seeds=seeds,
        profile=profile,
        results=results,
        device=device,
        executor=executor,
        scheduler=scheduler,
        workers=workers,
        timeout=timeout,
        memory=memory,
        batch=batch,
        plugins=plugins,
        data_dir=data_dir,
        download=download,
    )
    request = TuneRequest(
        run=run, trials=trials, samples=samples, seconds=seconds, measurement=measurement, rerun=rerun
    )
    from mibench.tuning.answer import answer
    from mibench.tuning.fitting import fit

    tuner = fit(request, load_registry(run.plugin_options))
    with make_executor(tuner.registry, run) as workforce:
        return answer(tuner, list(tuner.candidates(workforce)))
