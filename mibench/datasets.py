"""Data sets by name, and the folder in which they are looked for. Imports no torch."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mibench.errors import AbsentDataError, MibenchError, PluginError, UsageError
from mibench.specs import DatasetSpec
from mibench.targets import load_target
from mibench.text import described, message_of, suggestion

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
            PluginError: what its plugin brings raises, or is no data set as `mibench.contracts.Dataset` describes it.
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
    load = load_target(spec.target, f"data set {spec.name!r}")
    owner = f"data set {spec.name!r} of {spec.target}"
    try:
        data = load(root, download)
    except (MibenchError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner}: {type(error).__name__}: {message_of(error)}") from error
    for fault in _faults(data):
        raise PluginError(f"{owner}: {fault}; see docs/dataset.md")
    return data


def _faults(data: Any) -> Iterator[str]:
    """What is wrong with what a data set's function has returned, each assuming that nothing before it is."""
    if not all(hasattr(data, name) for name in ("train", "test", "classes", "identity", "unlabelled")):
        yield f"it is to be a mibench.contracts.Dataset, not {described(data)}"
    if not (isinstance(data.classes, int) and data.classes >= 1):
        yield f"`classes` is a whole number from 1, not {described(data.classes)}"
    if not (isinstance(data.identity, str) and data.identity.strip()):
        yield f"`identity` is text that says which files these are, e.g. sha256:1f0c, not {described(data.identity)}"
    for name in ("train", "test"):
        split = getattr(data, name)
        if not (hasattr(split, "images") and hasattr(split, "labels")):
            yield f"`{name}` is to be a mibench.contracts.Split, not {described(split)}"
        yield from _image_faults(split.images, f"{name}.images")
        yield from _label_faults(split.labels, f"{name}.labels", len(split.images), data.classes)
    if data.unlabelled is not None:
        yield from _image_faults(data.unlabelled, "unlabelled")
    given = [data.train.images, data.test.images] + [data.unlabelled] * (data.unlabelled is not None)
    sizes = {tuple(images.shape[1:]) for images in given}
    if len(sizes) > 1:
        yield f"all images are of one (channels, height, width), not of {' and '.join(map(str, sorted(sizes)))}"


def _image_faults(images: Any, name: str) -> Iterator[str]:
    import torch

    wanted = f"`{name}` is a tensor (n, channels, height, width) of torch.uint8"
    if not isinstance(images, torch.Tensor):
        yield f"{wanted}, not {described(images)}"
    if images.ndim != 4 or images.dtype != torch.uint8:
        yield f"{wanted}, not {tuple(images.shape)} of {images.dtype}"
    if 0 in images.shape:
        yield f"{wanted}, and this one {tuple(images.shape)} is empty"


def _label_faults(labels: Any, name: str, n: int, classes: int) -> Iterator[str]:
    import torch

    wanted = f"`{name}` is a tensor ({n},) of torch.int64, one an image"
    if not isinstance(labels, torch.Tensor):
        yield f"{wanted}, not {described(labels)}"
    if tuple(labels.shape) != (n,) or labels.dtype != torch.int64:
        yield f"{wanted}, not {tuple(labels.shape)} of {labels.dtype}"
    low, high = labels.min().item(), labels.max().item()
    if low < 0 or high >= classes:
        yield f"`{name}` goes from {low} to {high}, and with `classes` {classes} from 0 to {classes - 1} at most"


def absent(name: str, root: Path | None, *, downloads: bool = True) -> AbsentDataError:
    """The error for a data set that is not there: where it was looked for, and the ways out."""
    place = f"not found in {root}" if root else "not here"
    ways = "name its folder with --data-dir or MIBENCH_DATA"
    fetch = ", or fetch it with --download" if downloads else ""
    return AbsentDataError(f"data set {name} is {place}: {ways}{fetch}")
