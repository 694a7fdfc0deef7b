"""mibench from Python: `run` and `load` return tidy frames, `compare` and `rank` judge them.

`estimate` says what your own data hold.

The command line is made of the same parts.
"""

import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mibench.arguments import refuse_parameters, refuse_untidy, texts
from mibench.comparison import archive, ranking
from mibench.comparison.error_table import quantities_of
from mibench.comparison.request import CompareRequest, compare_as_asked
from mibench.comparison.selection import refuse_unmeasured, select
from mibench.comparison.tuned import Parameters, keep_apart, marked
from mibench.discovery.registry import Registry, load_registry
from mibench.errors import TrialsFailed, UsageError
from mibench.estimation.answer import Estimation, answer
from mibench.estimation.stages import SHUFFLES, TWINS, EstimateRequest, plan, run_request
from mibench.executors.hosted import end_unguarded_worker
from mibench.frames import tidy, tidy_columns
from mibench.frames.files import read, with_parameters_first
from mibench.pairs import Missing, Reading, pairs_of_arrays, refuse_useless_draw
from mibench.pairs.columns import Codes
from mibench.plan.request import AnyPath, Device, Rerun, RunRequest, plugin_options
from mibench.plan.selectors import split_names
from mibench.plan.trial import edited_after
from mibench.progress import announced, losses
from mibench.refusal import in_python, is_path, refuse_absent, refuse_unless, spoken_in_python
from mibench.runner import execute, make_executor, prepare
from mibench.specs import EVERY, is_shipped
from mibench.store import Store
from mibench.store.index import read_made


def run(  # noqa: PLR0913 - the keywords of the command line
    estimators: str | Sequence[str],
    task: str | Sequence[str],
    *,
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
            `if __name__ == "__main__":`; a cluster is e.g. `dask[scheduler=tcp://host:8786]`. `None` is `serial`.
        scheduler: short for the executor `dask[scheduler=ADDRESS]`.
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
        A tidy frame, one row a measurement; see `mibench.frames.tidy`. A notebook shows how far the run is, and a
        warning counts the trials that failed.

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
    with spoken_in_python():
        job = prepare(request)
    for sentence in job.plan.left_out:
        warnings.warn(sentence, stacklevel=2)
    for name, count in job.edited.items():
        warnings.warn(f"{edited_after(name, count)}, which are not run again", stacklevel=2)
    with spoken_in_python(), make_executor(job.registry, request) as workforce:
        for _ in announced(execute(job, workforce), sum(len(batch.trials) for batch in job.batches)):
            pass
    records = job.records
    newer = job.newer(records)
    for file in newer:
        warnings.warn(f"{file.path} {file.reason}", stacklevel=2)
    if missing := job.missing(records, newer):
        warnings.warn(f"{missing} records were removed from {job.store.folder} meanwhile", stacklevel=2)
    if sentence := losses(records):
        warnings.warn(f"{sentence}; column `status` of the frame says which, `mibench.report` why", TrialsFailed, 2)
    return tidy(records)


def load(results: AnyPath = "results", *, wide: bool = False, tunings: bool = False) -> pd.DataFrame:
    """All that was measured under a results folder, as a tidy frame.

    Args:
        results: the folder, of which an empty one gives no rows; or `shipped`, where no folder has that name, for what
            mibench ships: it has no more columns, and no tunings.
        wide: adds the estimators' parameters, errors and environment.
        tunings: whether the trials of tunings themselves are among the rows.

    Raises:
        UsageError: there is no such folder.
    """
    refuse_unless(is_path(results), "results", "a results folder", results)
    if is_shipped(results):
        return archive.read_shipped().copy()
    if not Path(results).is_dir():
        refuse_absent(Path(results), "mibench.run")
        raise UsageError(f"{results} is a file, and `mibench.load` takes a results folder")
    return read_made(Store(results), lambda columns: tidy_columns(columns, wide=wide, tunings=tunings))[0]


@spoken_in_python()
def estimate(  # noqa: PLR0913 - the keywords of the command line
    x: Any,
    y: Any,
    *,
    estimators: str | Sequence[str] = (),
    missing: Missing = "refuse",
    codes: Codes = "one-hot",
    rows: int = 1000,
    shuffles: int = SHUFFLES,
    twins: int = TWINS,
    results: AnyPath = "results",
    executor: str = "serial",
    workers: int | None = None,
    plugins: AnyPath | Sequence[AnyPath] = (),
) -> Estimation:
    """Estimates the information of your own pairs, and says which estimate to report.

    Args:
        x: an array or a frame, `(n,)` or `(n, dx)`, of numbers, truth values or text.
        y: likewise; row i belongs to row i of x.
        estimators: selectors; empty for a quick handful of those that are installed.
        missing: `refuse`, or `drop` the rows in which a number is missing or infinite.
        codes: how text becomes numbers: `one-hot` or `ordinal`.
        rows: how many rows are drawn, at most.
        shuffles: how often pairs are shuffled, for the p-value; fewer than 19 tell nothing at the 5 % level.
        twins: on how many draws of the data's twin estimators are tried; those that train on half as many, but on two
            if there are so many. 0 for none; the error on a single one ranks nothing.
        results: the folder of the records, which hold no row; the same call resumes there.
        executor: `serial` runs in this process; `process` in workers, in a script under `if __name__ == "__main__":`.
        workers: how many trials at once.
        plugins: as after `-p`: files, modules, or `no:NAME`.

    Returns:
        Frames of estimates in nats with 95 % intervals, of the twin, of stability and of null flows, and a
        recommendation; a notebook shows all of it.

    Raises:
        UsageError: no estimator could say anything of the pairs, or something that was asked for does not exist.
        StoreError: results cannot be written, or a newer mibench has recorded a trial.
    """
    end_unguarded_worker()
    pairs = pairs_of_arrays(x, y, Reading(missing=missing, codes=codes))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "arrays.npz"
        np.savez(file, x=pairs.x, y=pairs.y)
        request = EstimateRequest(
            files=(file,),
            estimators=estimators,
            rows=rows,
            shuffles=shuffles,
            twins=twins,
            results=results,
            executor=executor,
            workers=workers,
            plugins=plugins,
        )
        refuse_useless_draw(pairs, request.rows)
        registry = open_registry(plugins)
        with make_executor(registry, run_request(request)) as workforce:
            job = plan(request, registry)
            for _ in execute(job, workforce):
                pass
        said = answer(job, request, pairs)
    return replace(said, recommendation=in_python(said.recommendation))


@spoken_in_python()
def compare(  # noqa: PLR0913 - the keywords of the command line
    results: pd.DataFrame | AnyPath = "results",
    estimator: str = "",
    *,
    rivals: str | Sequence[str] = (),
    baseline: pd.DataFrame | AnyPath | None = None,
    references: str | Sequence[str] = (),
    task: str | Sequence[str] = "",
    measurements: str | Sequence[str] = (),
    large: float | None = None,
    parameters: Parameters | None = None,
    plugins: AnyPath | Sequence[AnyPath] = (),
) -> pd.DataFrame:
    """Compares an estimator with others; or, where none is named, everything with a baseline or with references.

    Args:
        results: a tidy frame, a results folder, or a file that was exported from one.
        estimator: the estimator to compare with others on the same data, as the frame spells it.
        rivals: the others; empty for all but the oracle.
        baseline: other results of the same trials, to compare with seed by seed.
        references: names of sets of references; empty for all.
        task: selectors of tasks or suites, e.g. `suite:gradients`; empty for all.
        measurements: names; empty for all, or for `mi` and `mi_gradient` where an estimator is named.
        large: the share below which no difference counts; `None` for 0.05, or 0.01 of a baseline.
        parameters: `default`, `tuned` or `all`; with `None` an estimator is not compared with rivals of both kinds,
            unless they are named.
        plugins: as after `-p`: files, modules, or `no:NAME`.

    Returns:
        The columns of `mibench.comparison.pairwise.COLUMNS` where an estimator is named, else those of
        `mibench.comparison.verdicts.COLUMNS`. `attrs["left_out"]` says what was left out.

    Raises:
        UsageError: something that was asked for does not exist, or more than one comparison was asked for.
    """
    given: Any = estimator
    refuse_unless(isinstance(given, str), "estimator", "text", given)
    refuse_parameters(parameters)
    registry, task = open_registry(plugins), texts("task", task)
    needed = () if baseline is None else ("seconds", "key")
    request = CompareRequest(
        estimator=estimator,
        rivals=split_names(texts("rivals", rivals)),
        baseline=None if baseline is None else select(open_frame(baseline, "baseline", needed), registry, task),
        against="" if isinstance(baseline, pd.DataFrame | None) else str(baseline),
        references=split_names(texts("references", references)),
        measurements=split_names(texts("measurements", measurements)),
        large=large,
    )
    frame = select(open_frame(results, needed=needed), registry, task)
    named = not estimator or not {*request.rivals} <= {EVERY}
    return compare_as_asked(request, keep_apart(frame, parameters, named=named), registry)


@spoken_in_python()
def rank(  # noqa: PLR0913 - the keywords of the command line
    results: pd.DataFrame | AnyPath = "results",
    *,
    task: str | Sequence[str] = "",
    estimators: str | Sequence[str] = "",
    measurements: str | Sequence[str] = (),
    generator: np.random.Generator | None = None,
    parameters: Parameters | None = None,
    plugins: AnyPath | Sequence[AnyPath] = (),
) -> pd.DataFrame:
    """Ranks estimators by their errors on the same data, with intervals for other tasks and other seeds.

    Args:
        results: a tidy frame, a results folder, or a file that was exported from one.
        task: selectors of tasks or suites, e.g. `suite:gradients`; empty for all.
        estimators: selectors as the frame spells them; empty for all.
        measurements: names; empty for `mi` and `mi_gradient`, or for all of a task that has neither.
        generator: draws the resamples that the intervals are made of; `None` for the same ones each time.
        parameters: `default`, `tuned` or `all`; with `None` both kinds are not ranked together, unless `estimators`
            names them.
        plugins: as after `-p`: files, modules, or `no:NAME`.

    Returns:
        The columns of `mibench.comparison.ranking.COLUMNS`, the best first. `attrs["left_out"]` says what was left out.

    Raises:
        UsageError: no task has two estimators to rank.
    """
    given: Any = generator
    refuse_unless(isinstance(given, np.random.Generator | None), "generator", "a numpy.random.Generator", given)
    refuse_parameters(parameters)
    registry, asked = open_registry(plugins), texts("estimators", estimators)
    frame = select(open_frame(results, needed=("seconds",)), registry, texts("task", task), asked)
    names = split_names(texts("measurements", measurements))
    refuse_unmeasured(names, quantities_of(frame, registry))
    frame = marked(keep_apart(frame, parameters, named=bool(asked)))
    return ranking.rank(frame, registry, measurements=names, generator=generator)


def open_registry(plugins: AnyPath | Sequence[AnyPath]) -> Registry:
    """What the installed plugins bring, and those that are named as after `-p`.

    Raises:
        UsageError: they are no files and modules, or one of them cannot be loaded.
    """
    return load_registry(plugin_options(plugins))


def open_frame(results: pd.DataFrame | AnyPath, name: str = "results", needed: Sequence[str] = ()) -> pd.DataFrame:
    """A tidy frame, perhaps of several that `pandas.concat` has joined, or that of a folder or file.

    Args:
        results: the frame, folder or file.
        name: what the argument is called, for messages.
        needed: columns that it must have beside those that every frame needs.

    Raises:
        UsageError: there is no such folder or file, or the frame is none of mibench's.
    """
    if isinstance(results, pd.DataFrame):
        refuse_untidy(results, name, needed)
        return with_parameters_first(results)
    refuse_unless(is_path(results), name, "a tidy frame, a results folder or a file", results)
    path = Path(results)
    refuse_absent(path, "mibench.run")
    return read(path) if path.is_file() else load(path, wide=True)
