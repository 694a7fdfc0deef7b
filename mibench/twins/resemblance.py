"""Whether a twin resembles the data: a classifier that tells one from the other, judged on rows that it has not seen.

The classifier is kernel ridge regression on ±1 of each number's normal score. Each row of the data is compared with
each of the twin by the classifier that has seen neither (Airola et al., Computational Statistics & Data Analysis 2011).
Were rows left out one by one, the rest would lack just the label that is asked for, and rows that tie would be told
apart by that: for few values chance would be far below one half. The answers are linear in the labels, so that a
permutation of the labels costs one product of matrices, and the p-value is exact (Lopez-Paz & Oquab, Revisiting
Classifier Two-Sample Tests, ICLR 2017, with the area under the curve in place of the accuracy).
"""

from dataclasses import dataclass

import numpy as np

from mibench.pairs.columns import Array

ALPHA = 0.05
MOST_ROWS = 600
"""Of the data and of the twin each: the classifier takes time with their cube."""
_PERMUTATIONS = 199
_WIDTHS = (1.0, 0.3, 0.1)
"""Of the Gaussian kernels, in median distances."""
_RIDGE = 0.5
_TIED = 1e-9
"""What rounding leaves of answers that are equal."""


@dataclass(frozen=True, kw_only=True)
class Resemblance:
    """How well a classifier tells a twin from the data.

    Attributes:
        area: under the curve, as the share of pairs of a row of the data and one of the twin that it puts in order
            without having seen them: 0.5 is chance.
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
    generator = np.random.default_rng(0)
    labels = np.tile(np.repeat([1.0, -1.0], [n, len(twin)])[:, None], _PERMUTATIONS + 1)
    labels[:, 1:] = generator.permuted(labels[:, 1:], axis=0)
    rest = np.eye(len(points)) - smoother
    areas = np.array([_area(rest, *pair) for pair in zip(labels.T, (rest @ labels).T, strict=True)])
    return Resemblance(area=float(areas[0]), p_value=float((areas >= areas[0]).mean()))


def _kernel(points: Array) -> Array:
    """Gaussian kernels of two widths for the shape of the cloud, and squared products for its correlations."""
    products = points @ points.T
    squares = np.diag(products)
    distances = np.maximum(squares[:, None] + squares - 2 * products, 0)
    middle = np.median(distances) + 1e-12
    gaussian = sum(np.exp(-distances / (width**2 * middle)) for width in _WIDTHS)
    return gaussian + (1 + products / points.shape[1]) ** 2 / np.mean((1 + squares / points.shape[1]) ** 2)


def _area(rest: Array, labels: Array, residuals: Array) -> float:
    """The share of pairs, a row of each label, that answers put in order where both were left out; ties are halves.

    Left out together, rows i and j have the residuals that solve rest[ij, ij] e = residuals[ij], so that their answers
    are in order where e_i - e_j is below 2, the difference of their labels.

    Args:
        rest: what the classifier's smoother leaves of labels.
        labels: plus or minus one.
        residuals: what it leaves of these.
    """
    first, second = np.flatnonzero(labels > 0), np.flatnonzero(labels < 0)
    own, cross = np.diag(rest), rest[np.ix_(first, second)]
    left, right = own[first][:, None], own[second]
    determinant = left * right - cross**2
    ahead = (right + cross) * residuals[first][:, None] - (left + cross) * residuals[second] - 2 * determinant
    tied = np.abs(ahead) < _TIED * determinant
    return float(((ahead < 0) & ~tied).mean() + tied.mean() / 2)
