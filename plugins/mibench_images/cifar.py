"""CIFAR-10 and CIFAR-100, and any folder of their layout, which is then told apart from the official files."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from mibench.contracts import Dataset, Split
from mibench.datasets import absent
from mibench.errors import DataError
from mibench_images.files import fetch, identify

_HARMLESS = {
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
}

_DAMAGE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, OverflowError, pickle.UnpicklingError)
"""What reading a file raises that is no batch of images."""


class ArrayUnpickler(pickle.Unpickler):
    """Reads arrays, numbers and text; whatever else a pickle could make or call is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """One of the functions that make an array.

        Raises:
            UnpicklingError: it is anything else.
        """
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a data set")
        return super().find_class(module, name)


def load_cifar10(root: Path | None, download: bool) -> Dataset:
    """50,000 and 10,000 photographs in 10 classes.

    Raises:
        DataError: files are absent or damaged.
    """
    from torchvision.datasets import CIFAR10

    return _load("cifar10", CIFAR10, root, download, labels="labels", classes=10)


def load_cifar100(root: Path | None, download: bool) -> Dataset:
    """50,000 and 10,000 photographs in 100 classes.

    Raises:
        DataError: files are absent or damaged.
    """
    from torchvision.datasets import CIFAR100

    return _load("cifar100", CIFAR100, root, download, labels="fine_labels", classes=100)


def _load(name: str, kind: Any, root: Path | None, download: bool, *, labels: str, classes: int) -> Dataset:
    files = [file for file, _ in kind.train_list + kind.test_list]
    folder = _find(name, root, kind.base_folder, files)
    if folder is None:
        if root is None or not download:
            raise absent(name, root)
        fetch(name, lambda: kind(root, download=True))
        return _load(name, kind, root, False, labels=labels, classes=classes)
    return Dataset(
        train=_split(name, folder, [file for file, _ in kind.train_list], labels, classes),
        test=_split(name, folder, [file for file, _ in kind.test_list], labels, classes),
        classes=classes,
        identity=identify(folder, dict(kind.train_list + kind.test_list)),
    )


def _find(name: str, root: Path | None, official: str, files: Sequence[str]) -> Path | None:
    """The official folder, the root itself, or the one other folder of this layout in it."""
    if root is None or not root.is_dir():
        return None
    prefix = official.rsplit("-", 1)[0].removesuffix("-batches")  # cifar-10, cifar-100
    others = [path for path in sorted(root.glob(f"{prefix}-*")) if path.name != official]
    folders = [path for path in (root / official, root, *others) if all((path / file).is_file() for file in files)]
    if len(folders) > 1 and folders[0] not in {root / official, root}:
        names = ", ".join(path.name for path in folders)
        raise DataError(f"data set {name}: {root} holds {names}: name one of them with --data-dir")
    return folders[0] if folders else None


def _split(name: str, folder: Path, files: Sequence[str], labels: str, classes: int) -> Split:
    pixels: list[Any] = []
    targets: list[int] = []
    for file in files:
        try:
            images, named = _read(folder / file, labels, classes)
        except _DAMAGE as error:
            raise DataError(f"data set {name}: {folder / file} is damaged or no batch of images: {error}") from error
        pixels.append(images)
        targets += named
    return Split(torch.from_numpy(np.concatenate(pixels)), torch.tensor(targets))


def _read(path: Path, labels: str, classes: int) -> tuple[Any, list[int]]:
    """The images of one file and the label of each.

    Raises:
        ValueError: they are of another type, or do not belong together.
    """
    with path.open("rb") as stream:
        batch = _unpickle(stream)
    pixels, named = np.asarray(batch["data"]), np.asarray(batch[labels])
    if pixels.dtype != np.uint8:
        raise ValueError(f"its pixels are {pixels.dtype} and not uint8")
    images = pixels.reshape(-1, 3, 32, 32)
    if len(named) != len(images):
        raise ValueError(f"it has {len(images)} images and {len(named)} labels")
    whole = named.ndim == 1 and named.dtype.kind in "iu"
    if len(named) and not (whole and named.min() >= 0 and named.max() < classes):
        raise ValueError(f"its labels are not all whole numbers from 0 to {classes - 1}")
    return images, named.tolist()


def _unpickle(stream: IO[bytes]) -> Any:
    return ArrayUnpickler(stream, encoding="latin1").load()
