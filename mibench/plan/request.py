"""What a user asks for in a run, as one value that refuses what no run could do."""

import math
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from mibench.errors import UsageError
from mibench.plan.selectors import Selector, parse_selector, parse_selectors
from mibench.refusal import is_path, is_whole, refuse_other, refuse_unless

Device = Literal["auto", "cpu", "cuda"]
Rerun = Literal["missing", "failed", "all"]
AnyPath: TypeAlias = str | os.PathLike[str]
_MOST_MEMORY = 2**33
"""GiB: 2^63 bytes, beyond which no limit can be set."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Which trials are wanted, where they run, and where their records go.

    Attributes:
        estimators: selectors, one by one or comma-separated, e.g. `mige[threshold=0.94|0.99],mine`.
        tasks: likewise, e.g. `gaussian[d=5|20]`; every estimator is run on every task.
        profile: how large a run, by the tasks' names for it; a selector's values go before those of the profile.
        seeds: how many seeds, counted from 0; `None` for the profile's number.
        results: the folder of the records.
        device: `cpu`, `cuda`, or `auto` for a GPU if there is one.
        executor: the selector of an executor, e.g. `process` or `slurm[partition=gpu]`; `None` for `dask` where a
            scheduler is named, else `serial`.
        scheduler: sets the executor's option `scheduler`; `None` leaves it unset.
        workers: how many batches run at once; `None` leaves it to the executor.
        timeout: seconds a batch may take; `None`, or more than any alarm can wait, for no limit.
        memory: GiB a worker may use; `None` leaves it to the executor.
        batch: how many trials of one shape run in one program.
        rerun: `missing` runs what has no record or did not finish, `failed` what failed or diverged and nothing else,
            `all` everything, from its start.
        plugins: what to load besides the installed plugins: files, modules, or `no:NAME` to block one.
        data_dir: the folder of data sets; `None` for the one that the environment variable `MIBENCH_DATA` names.
        download: whether data sets that are missing may be fetched into it.

    Raises:
        UsageError: a field cannot have its value.
    """

    estimators: str | Sequence[str]
    tasks: str | Sequence[str]
    profile: str = "quick"
    seeds: int | None = None
    results: AnyPath = "results"
    device: Device = "auto"
    executor: str | None = None
    scheduler: str | None = None
    workers: int | None = None
    timeout: float | None = None
    memory: float | None = None
    batch: int = 1
    rerun: Rerun = "missing"
    plugins: AnyPath | Sequence[AnyPath] = ()
    data_dir: AnyPath | None = None
    download: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("estimators", "estimator"), ("tasks", "task")):
            if not _selectors(name, getattr(self, name)):
                raise UsageError(f"no {kind} was named; see `mibench list {name}`")
        for name in ("profile", "executor", "scheduler"):
            given = getattr(self, name)
            fits = bool(given.strip()) if isinstance(given, str) else given is None and name != "profile"
            refuse_unless(fits, name, "text that is not empty", given)
        for name, choices in (("device", get_args(Device)), ("rerun", get_args(Rerun))):
            refuse_other(name, getattr(self, name), choices)
        for name in ("seeds", "workers", "batch"):
            given = getattr(self, name)
            fits = is_whole(given, 1) or (given is None and name != "batch")
            refuse_unless(fits, name, "a whole number from 1 on", given)
            object.__setattr__(self, name, given and int(given))
        for name in ("timeout", "memory"):
            given = getattr(self, name)
            refuse_unless(given is None or is_positive(given), name, "a number above 0", given)
            object.__setattr__(self, name, given if isinstance(given, int | None) else float(given))
        fits = self.memory is None or self.memory < _MOST_MEMORY
        refuse_unless(fits, "memory", f"a number of GiB below {_MOST_MEMORY:,}, which no machine has", self.memory)
        refuse_unless(self.download in {True, False}, "download", "True or False", self.download)
        if self.results_folder.exists() and not self.results_folder.is_dir():
            raise UsageError(f"results go to a folder, and {self.results_folder} is a file; choose another")
        _ = self.plugin_options, self.data_folder

    @property
    def estimator_selectors(self) -> list[Selector]:
        """The estimators, read."""
        return _selectors("estimators", self.estimators)

    @property
    def task_selectors(self) -> list[Selector]:
        """The tasks, read."""
        return _selectors("tasks", self.tasks)

    @property
    def executor_selector(self) -> Selector:
        """The executor, read."""
        return parse_selector(self.executor or ("dask" if self.scheduler else "serial"))

    @property
    def results_folder(self) -> Path:
        """The folder of the records."""
        return _path("results", self.results)

    @property
    def data_folder(self) -> Path | None:
        """The folder of data sets as an absolute path, since workers may run elsewhere; `None` if nobody named one."""
        folder = os.environ.get("MIBENCH_DATA") or None if self.data_dir is None else self.data_dir
        return None if folder is None else _path("data_dir", folder).expanduser().resolve()

    @property
    def plugin_options(self) -> list[str]:
        """The plugins as they are written after `-p`."""
        return plugin_options(self.plugins)


def plugin_options(given: Any) -> list[str]:
    """Plugins, given as one or several, as they are written after `-p`.

    Raises:
        UsageError: they are no files and modules.
    """
    plugins = [given] if isinstance(given, str | os.PathLike) or not isinstance(given, Collection) else given
    for plugin in plugins:
        refuse_unless(is_path(plugin), "plugins", "a list of files and modules", plugin)
    return [os.fspath(plugin) for plugin in plugins]


def _selectors(name: str, given: Any) -> list[Selector]:
    """Selectors from text or a sequence of it.

    Raises:
        UsageError: it is something else, or cannot be read.
    """
    parts = [given] if isinstance(given, str) else given
    if not isinstance(parts, Sequence):
        parts = [parts]
    for part in parts:
        refuse_unless(isinstance(part, str), name, "text like 'name[field=value]', or a list of it", part)
    return [selector for part in parts for selector in parse_selectors(part)]


def _path(name: str, given: Any) -> Path:
    refuse_unless(is_path(given), name, "a path", given)
    return Path(given)


def is_positive(given: Any) -> bool:
    """Whether it is a finite number above 0."""
    is_number: bool = isinstance(given, int | Real) and not isinstance(given, bool)
    compared: Any = given
    return is_number and bool(0 < compared < math.inf)
