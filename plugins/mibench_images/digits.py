"""The digits that scikit-learn ships: 8x8, 17 grey levels; the last quarter, of other writers, is for testing."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mibench.contracts import Dataset, Split
from mibench.errors import AbsentDataError
from mibench_images.files import digest

N_TEST = 450


def load(root: Path | None, download: bool) -> Dataset:  # noqa: ARG001
    """1,347 images for training and 450 for testing.

    Raises:
        AbsentDataError: scikit-learn is not installed.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise AbsentDataError(
            "data set digits comes with scikit-learn: install mibench[digits], or name another, e.g. dataset=mnist"
        )
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    images, labels = torch.from_numpy(pixels)[:, None], torch.from_numpy(bunch.target).long()
    return Dataset(
        train=Split(images[:-N_TEST], labels[:-N_TEST]),
        test=Split(images[-N_TEST:], labels[-N_TEST:]),
        classes=10,
        identity=digest([pixels.tobytes(), labels.numpy().astype("<i8").tobytes()]),
    )
