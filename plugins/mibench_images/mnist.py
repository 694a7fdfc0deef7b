"""MNIST and Fashion-MNIST, in the files that torchvision reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mibench.contracts import Dataset, Split
from mibench.datasets import absent
from mibench.errors import DataError
from mibench_images.files import fetch, identify

FILES: tuple[str, ...] = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
MNIST_MD5: Mapping[str, str] = dict(
    zip(
        FILES,
        (
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
        strict=True,
    )
)
UNKNOWN_MD5: Mapping[str, str] = dict.fromkeys(FILES, "")


def load_mnist(root: Path | None, download: bool) -> Dataset:
    """60,000 and 10,000 handwritten digits.

    Raises:
        DataError: files are absent or damaged.
    """
    from torchvision.datasets import MNIST

    return _load("mnist", MNIST, root, download, MNIST_MD5)


def load_fashion_mnist(root: Path | None, download: bool) -> Dataset:
    """60,000 and 10,000 articles of clothing; only the archives' checksums are published, so none is `official`.

    Raises:
        DataError: files are absent or damaged.
    """
    from torchvision.datasets import FashionMNIST

    return _load("fashion-mnist", FashionMNIST, root, download, UNKNOWN_MD5)


def _load(name: str, kind: Any, root: Path | None, download: bool, published: Mapping[str, str]) -> Dataset:
    folder = None if root is None else root / kind.__name__ / "raw"
    if folder is None or not all((folder / file).is_file() for file in FILES):
        if root is None or not download:
            raise absent(name, root)
        fetch(name, lambda: kind(root, download=True))
        return _load(name, kind, root, False, published)
    train, test = (_split(name, kind, root, train=train) for train in (True, False))
    return Dataset(train=train, test=test, classes=10, identity=identify(folder, published))


def _split(name: str, kind: Any, root: Path | None, *, train: bool) -> Split:
    try:
        read = kind(root, train=train, download=False)
        images, labels = read.data[:, None], read.targets
    except (OSError, RuntimeError, ValueError, AssertionError, KeyError) as error:
        part = "training" if train else "test"
        raise DataError(f"data set {name}: the {part} files in {root} are damaged or cut short: remove them") from error
    if len(images) != len(labels) or images.dtype != torch.uint8:
        raise DataError(f"data set {name} in {root}: {len(images)} images and {len(labels)} labels do not match")
    return Split(images, labels.long())
