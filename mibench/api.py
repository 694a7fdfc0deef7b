"""mibench from Python: `run` and `load` return tidy frames; the command line is made of the same parts."""

import os
import warnings
from collections.abc import Sequence

import pandas as pd

from mibench.frames import tidy
from mibench.runner import Device, execute, make_executor, make_limits, prepare
from mibench.runner.loop import Rerun
from mibench.store import Store


def run(
    estimators: str | Sequence[str],
    task: str,
    *,
    seeds: int | None = None,
    profile: str = "quick",
    results: str | os.PathLike[str] = "results",
    device: Device = "auto",
    executor: str = "serial",
    workers: int | None = None,
    timeout: float | None = None,
    batch: int = 1,
    rerun: Rerun = "missing",
    plugins: Sequence[str] = (),
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> pd.DataFrame:
    """Runs what is missing of estimators x cells x seeds and returns all that was asked for.

    Args:
        estimators: selectors, e.g. `["mige[threshold=0.94|0.99]", "mine"]` or one comma-separated string.
        task: one selector, e.g. `gaussian[d=5|20]`.
        seeds: how many seeds, counted from 0; `None` for the profile's number.
        profile: `smoke`, `quick` or `paper`.
        results: the folder of the records; the same call resumes there.
        device: `auto` takes a GPU if there is one.
        executor: `serial` runs in this process; `process` isolates each trial, in a script under
            `if __name__ == "__main__":`; a cluster is e.g. `dask[scheduler=tcp://host:8786]`.
        workers: how many batches at once; `None` for one a core, one for a GPU, or what a cluster has.
        timeout: seconds a batch may take.
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
    job = prepare(
        estimators,
        task,
        seeds=seeds,
        profile=profile,
        results=results,
        device=device,
        batch=batch,
        rerun=rerun,
        plugins=plugins,
        data_dir=data_dir,
        download=download,
    )
    for plugin in job.registry.plugins:
        if plugin.error:
            warnings.warn(f"plugin {plugin.name!r} ({plugin.origin}) is broken: {plugin.error}", stacklevel=2)
    for name, count in job.edited.items():
        warnings.warn(f"{name} was edited after {count} of these trials, which are not run again", stacklevel=2)
    limits = make_limits(results, device, workers=workers, timeout=timeout)
    with make_executor(job.registry, executor, limits) as workforce:
        for _ in execute(job, workforce):
            pass
    return tidy(job.records)


def load(results: str | os.PathLike[str] = "results", *, wide: bool = False) -> pd.DataFrame:
    """All that was measured under a results folder, as a tidy frame.

    Args:
        results: the folder.
        wide: adds the estimators' parameters, versions, errors and environment.
    """
    records, _ = Store(results).read()
    return tidy(records, wide=wide)
