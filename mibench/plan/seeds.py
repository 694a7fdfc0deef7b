"""Randomness by name: every stream is derived from what it is for, never from the order in which things run."""

import hashlib

import torch

from mibench.plan.trial import canonical_json
from mibench.specs import Scalar


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from JSON-able parts, by SHA-256 of their canonical JSON."""
    return int.from_bytes(hashlib.sha256(canonical_json(parts).encode()).digest()[:8]) >> 1


def data_generator(task: str, cell: dict[str, Scalar], seed: int) -> torch.Generator:
    """The stream of a cell's data: the same for every estimator, so that comparisons are paired."""
    return _generator(derive_seed("data", task, cell, seed))


def init_generator(
    estimator: str, parameters: dict[str, Scalar], task: str, cell: dict[str, Scalar], seed: int
) -> torch.Generator:
    """The stream of an estimator's own randomness in one trial."""
    return _generator(derive_seed("init", estimator, parameters, task, cell, seed))


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
