"""The baseline of Deep InfoMax: an encoder of random weights. Convolutions tell classes apart before they learn."""

from mibench.contracts import Estimator


class Untrained(Estimator):
    """Estimates nothing: the encoder takes no step, and only the averages of its norms follow the data."""
