"""mibench from Python: `run` and `load` return tidy frames; the command line is made of the same parts."""

import warnings
from collections.abc import Sequence

import pandas as pd

from mibench.executors.hosted import end_unguarded_worker
from mibench.frames import tidy
from mibench.plan.request import AnyPath, Device, Rerun, RunRequest
from mibench.runner import execute, make_executor, prepare
from mibench.store import Store


def run(  # noqa: PLR0913 - the keywords of the command line
    estimators: str | Sequence[str],
    task: str | Sequence[str],
    *,
    seeds: int | None = None,
    profile: str = "quick",
    results: AnyPath = "results",
    device: Device = "auto",
    executor: str = "serial",
    scheduler: str | None = None,
    workers: int | None = None,
    timeout: float | None = None,
    memory: float | None = None,
    batch: int = 1,
    rerun: Rerun = "missing",
    plugins: AnyPath | Sequence[AnyPath] = (),
    data_dir: AnyPath | None = None,
    download: bool = False,
) -> pd.DataFrame:
    """Runs what is missing of estimators x cells x seeds and returns all that was asked for.

    Args:
        estimators: selectors, e.g. `["mige[threshold=0.94|0.99]", "mine"]` or one comma-separated string.
        task: likewise, e.g. `gaussian[d=5|20]`; every estimator is run on every task.
        seeds: how many seeds, counted from 0; `None` for the profile's number.
        profile: `smoke`, `quick` or `paper`.
        results: the folder of the records; the same call resumes there.
        device: `auto` takes a GPU if there is one.
        executor: `serial` runs in this process; `process` isolates each trial, in a script under
            `if __name__ == "__main__":`; a cluster is e.g. `dask[scheduler=tcp://host:8786]`.
        scheduler: short for the executor's option `scheduler`.
        workers: how many batches at once; `None` for one a core, one for a GPU, or what a cluster has.
        timeout: seconds a batch may take.
        memory: GiB a worker may use; `None` for a share of the machine's, or what the executor says.
        batch: how many trials of one shape to train in one program; more is faster on a GPU and for small networks,
            and changes numbers by rounding alone.
        rerun: `missing`, `failed` or `all`.
        plugins: as after `-p`: files, modules, or `no:NAME`.
        data_dir: the folder of data sets; `None` for what the environment variable `MIBENCH_DATA` names.
        download: whether data sets that are missing may be fetched into it.

    Returns:
        A tidy frame, one row a measurement; see `mibench.frames.tidy`.

    Raises:
        UsageError: something that was asked for does not exist or does not fit.
        StoreError: results cannot be written.
    """
    end_unguarded_worker()
    request = RunRequest(
        estimators=estimators,
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
        rerun=rerun,
        plugins=plugins,
        data_dir=data_dir,
        download=download,
    )
    job = prepare(request)
    for plugin in job.registry.plugins:
        if plugin.error:
            warnings.warn(f"plugin {plugin.name!r} ({plugin.origin}) is broken: {plugin.error}", stacklevel=2)
    for name, count in job.edited.items():
        warnings.warn(f"{name} was edited after {count} of these trials, which are not run again", stacklevel=2)
    with make_executor(job.registry, request) as workforce:
        for _ in execute(job, workforce):
            pass
    if missing := job.missing:
        warnings.warn(f"{missing} records were removed from {job.store.folder} meanwhile", stacklevel=2)
    return tidy(job.records)


def load(results: AnyPath = "results", *, wide: bool = False) -> pd.DataFrame:
    """All that was measured under a results folder, as a tidy frame.

    Args:
        results: the folder.
        wide: adds the estimators' parameters, versions, errors and environment.
    """
    records, _ = Store(results).read()
    return tidy(records, wide=wide)
