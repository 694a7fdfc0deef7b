"""Randomness by name: every stream is derived from what it is for, never from the order in which things run.

A seed has 63 bits, of which torch's generator on the CPU uses the lower 32. Among 3,000 streams, two are the same with
a chance of one in a thousand; seeds 38097 and 107180 of one cell had the same data. At such sizes that harms nobody,
and streams of more bits would change every number that has been measured.
"""

import hashlib
from collections.abc import Mapping

import torch

from mibench.plan.trial import canonical_json
from mibench.specs import Scalar


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from values that JSON can hold, by SHA-256 of their canonical JSON."""
    return int.from_bytes(hashlib.sha256(canonical_json(parts).encode()).digest()[:8]) >> 1


def data_generator(task: str, cell: Mapping[str, Scalar], seed: int) -> torch.Generator:
    """The stream of a cell's data: the same for every estimator, so that comparisons are paired."""
    return _generator(derive_seed("data", task, dict(cell), seed))


def init_generator(
    estimator: str, parameters: Mapping[str, Scalar], task: str, cell: Mapping[str, Scalar], seed: int
) -> torch.Generator:
    """The stream of an estimator's own randomness in one trial."""
    return _generator(derive_seed("init", estimator, dict(parameters), task, dict(cell), seed))


def global_seed(init: torch.Generator) -> int:
    """Where the global generators of Python, numpy and torch begin in a trial, from its estimator's own stream."""
    return derive_seed("global", init.initial_seed())


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
