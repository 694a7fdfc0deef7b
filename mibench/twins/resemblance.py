"""Whether a twin resembles the data: a classifier that tells one from the other, judged on rows that it has not seen.

The classifier is kernel ridge regression on ±1 of each number's normal score. Its leave-one-out answers are linear in
the labels, so that a permutation of the labels costs one product of matrices, and the p-value is exact (Lopez-Paz &
Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017, with the area under the curve in place of the accuracy).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from mibench.pairs.columns import Array

ALPHA = 0.05
MOST_ROWS = 600
"""Of the data and of the twin each: the classifier takes time with their cube."""
_PERMUTATIONS = 199
_WIDTHS = (1.0, 0.3, 0.1)
"""Of the Gaussian kernels, in median distances."""
_RIDGE = 0.5


@dataclass(frozen=True, kw_only=True)
class Resemblance:
    """How well a classifier tells a twin from the data.

    Attributes:
        area: under the curve of its leave-one-out answers: 0.5 is chance.
        p_value: the share of permuted labels that it tells apart as well.
    """

    area: float
    p_value: float

    @property
    def found(self) -> bool:
        """Whether the classifier cannot tell them apart at the 5 % level."""
        return self.p_value > ALPHA


def compare(data: Array, twin: Array) -> Resemblance:
    """Compares rows `(n, d)` of the data and of the twin, in normal scores of the data's columns."""
    data, twin = data[:MOST_ROWS], twin[:MOST_ROWS]
    points, n = np.vstack([data, twin]), len(data)
    kernel = _kernel(points)
    smoother = np.linalg.solve(kernel + _RIDGE * np.eye(len(kernel)), kernel)
    own = np.diag(smoother)
    generator = np.random.default_rng(0)
    labels = np.tile(np.repeat([1.0, -1.0], [n, len(twin)])[:, None], _PERMUTATIONS + 1)
    labels[:, 1:] = generator.permuted(labels[:, 1:], axis=0)
    answers = (smoother @ labels - own[:, None] * labels) / (1 - own[:, None])
    areas = _areas(answers, labels > 0)
    return Resemblance(area=float(areas[0]), p_value=float((areas >= areas[0]).mean()))


def _kernel(points: Array) -> Array:
    """Gaussian kernels of two widths for the shape of the cloud, and squared products for its correlations."""
    products = points @ points.T
    squares = np.diag(products)
    distances = np.maximum(squares[:, None] + squares - 2 * products, 0)
    middle = np.median(distances) + 1e-12
    gaussian = sum(np.exp(-distances / (width**2 * middle)) for width in _WIDTHS)
    return gaussian + (1 + products / points.shape[1]) ** 2 / np.mean((1 + squares / points.shape[1]) ** 2)


def _areas(answers: Array, positive: np.ndarray) -> Array:
    """The area under the curve of each column of answers."""
    count = positive.sum(0)
    ranks = (rankdata(answers, axis=0) * positive).sum(0)
    return (ranks - count * (count + 1) / 2) / (count * (len(answers) - count))
