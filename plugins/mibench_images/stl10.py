"""STL-10 in its binary files: columns before rows, labels from 1."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mibench.contracts import Dataset, Split
from mibench.datasets import absent
from mibench.errors import DataError
from mibench_images.files import fetch, identify

_SHAPE = (-1, 3, 96, 96)


def load(root: Path | None, download: bool) -> Dataset:
    """5,000 and 8,000 photographs in 10 classes, and 100,000 without labels.

    Raises:
        DataError: files are absent or damaged.
    """
    from torchvision.datasets import STL10

    published = dict(STL10.train_list + STL10.test_list)
    folder = None if root is None else root / STL10.base_folder
    if folder is None or not all((folder / file).is_file() for file in published):
        if root is None or not download:
            raise absent("stl10", root)
        fetch("stl10", lambda: STL10(root, download=True))
        return load(root, False)
    return Dataset(
        train=_split(folder, "train"),
        test=_split(folder, "test"),
        unlabelled=_images(folder / "unlabeled_X.bin"),
        classes=10,
        identity=identify(folder, published),
    )


def _split(folder: Path, name: str) -> Split:
    images = _images(folder / f"{name}_X.bin")
    labels = torch.from_numpy(np.fromfile(folder / f"{name}_y.bin", dtype=np.uint8)).long() - 1
    if len(images) != len(labels):
        raise DataError(f"data set stl10: {len(images)} images and {len(labels)} labels of {name} in {folder}")
    if not bool(((labels >= 0) & (labels < 10)).all()):
        raise DataError(f"data set stl10: {folder / f'{name}_y.bin'} holds labels outside of 1 to 10")
    return Split(images, labels)


def _images(path: Path) -> Tensor:
    try:
        pixels = np.fromfile(path, dtype=np.uint8).reshape(_SHAPE)
    except ValueError as error:
        raise DataError(f"data set stl10: {path} is cut short: its size is no multiple of an image's") from error
    return torch.from_numpy(pixels).mT.contiguous()
