"""The baseline of Deep InfoMax: an encoder of random weights. Convolutions tell classes apart before they learn."""

from dataclasses import dataclass

from mibench.contracts import Estimator


@dataclass(frozen=True, kw_only=True)
class UntrainedParams:
    """No parameters."""


class Untrained(Estimator):
    """Estimates nothing: the encoder takes no step, and only the averages of its norms follow the data."""

    Params = UntrainedParams
