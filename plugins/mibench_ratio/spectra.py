"""Eigenvalues of the second moments of blocks, of several blocks in one call: each call of `eigh` waits for a GPU."""

from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor

COLLINEAR = 1e-13
"""Eigenvalues of second moments below this share of the largest are rounding: coordinates that are collinear."""

_TINY = 1e-12


class Spectrum(NamedTuple):
    """The eigenvalues of the mean of z z', ascending, `(*replicas, D)`, and its eigenvectors `(*replicas, d, D)`.

    D is the dimension of the widest block of the call; eigenvalues of 0 stand for what the others lack.
    """

    values: Tensor
    vectors: Tensor

    def moments(self) -> Float[Tensor, "*replicas d d"]:
        """The mean of z z'."""
        return (self.vectors * self.values[..., None, :]) @ self.vectors.mT

    def inverse(self, rank: float) -> Float[Tensor, "*replicas d d"]:
        """The pseudo-inverse of the mean of z z', without eigenvalues below a share of the largest."""
        sizes = self.values.abs()
        kept = sizes > rank * sizes.amax(-1, keepdim=True)
        scales = torch.where(kept, 1 / torch.where(kept, self.values, 1.0), 0.0)
        return (self.vectors * scales[..., None, :]) @ self.vectors.mT

    def log_volume(self) -> Float[Tensor, "*replicas"]:
        """The logarithm of the determinant, without eigenvalues of rounding."""
        kept = self.values > COLLINEAR * self.values[..., -1:].clamp_min(_TINY)
        return torch.where(kept, self.values, 1.0).log().sum(-1)

    def whitening(self, floor: float = 0.0) -> Float[Tensor, "*replicas d d"]:
        """A symmetric matrix that maps samples to unit variances without correlation.

        Directions with less than a share `floor` of the largest eigenvalue are stretched no more than one with that
        share. Directions of rounding become 0.
        """
        largest = self.values[..., -1:]
        stretched = self.values.clamp_min(floor * largest).clamp_min(_TINY).rsqrt()
        scales = torch.where(self.values > COLLINEAR * largest, stretched, 0.0)
        return (self.vectors * scales[..., None, :]) @ self.vectors.mT


def spectra(*blocks: Float[Tensor, "*replicas n _"]) -> list[Spectrum]:
    """The spectrum of each block."""
    widest = max(block.shape[-1] for block in blocks)
    moments = [block.mT @ block / block.shape[-2] for block in blocks]
    missing = [widest - block.shape[-1] for block in blocks]
    padded = [torch.nn.functional.pad(m, (0, more, 0, more)) for m, more in zip(moments, missing, strict=True)]
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(torch.stack(padded)))
    return [Spectrum(values[i], vectors[i][..., : block.shape[-1], :]) for i, block in enumerate(blocks)]


class Spectra(NamedTuple):
    """Of x, of y, and of both side by side."""

    x: Spectrum
    y: Spectrum
    both: Spectrum

    @classmethod
    def of(cls, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> "Spectra":
        """The three spectra of centred samples."""
        return cls(*spectra(x, y, torch.cat([x, y], -1)))
