"""Data sets by name, and the folder in which they are looked for. Imports no torch."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mibench.errors import AbsentDataError, UsageError
from mibench.specs import DatasetSpec
from mibench.targets import load_target
from mibench.text import suggestion

if TYPE_CHECKING:
    from mibench.contracts import Dataset


@dataclass(frozen=True, kw_only=True)
class DataFolder:
    """Where data sets are looked for, and by which loaders.

    Attributes:
        root: the folder, or `None` if the user named none.
        download: whether files that are missing may be fetched.
        specs: what the plugins declared.
    """

    root: Path | None = None
    download: bool = False
    specs: Sequence[DatasetSpec] = ()

    def load(self, name: str) -> "Dataset":
        """The data set called `name`.

        Raises:
            UsageError: no plugin brings it.
            DataError: its files are absent or damaged.
        """
        for spec in self.specs:
            if spec.name == name:
                return _load(spec, self.root, self.download)
        known = sorted(spec.name for spec in self.specs)
        raise UsageError(f"there is no data set {name!r}; {suggestion(name, known)}")

    def identify(self, name: str) -> str:
        """What a record says of the data set called `name`, which is read to make sure that it is whole."""
        return f"{name}: {self.load(name).identity}"


@functools.lru_cache(maxsize=1)
def _load(spec: DatasetSpec, root: Path | None, download: bool) -> "Dataset":
    """Kept, because the trials of one run are of one data set more often than not."""
    return load_target(spec.target, f"data set {spec.name!r}")(root, download)


def absent(name: str, root: Path | None, *, downloads: bool = True) -> AbsentDataError:
    """The error for a data set that is not there: where it was looked for, and the ways out."""
    place = f"not found in {root}" if root else "not here"
    ways = "name its folder with --data-dir or MIBENCH_DATA"
    fetch = ", or fetch it with --download" if downloads else ""
    return AbsentDataError(f"data set {name} is {place}: {ways}{fetch}")
