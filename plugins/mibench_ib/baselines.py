"""The rows of Table 3 that bottleneck nothing: the same network, without noise on its representation.

- baseline: cross-entropy.
- dropout: of both hidden layers.
- confidence-penalty: cross-entropy less `weight` times the entropy of the answer (Pereyra et al., 2017, Eq. 3).
- label-smoothing: cross-entropy with labels mixed with the uniform distribution (Szegedy et al., 2016, section 7).

The paper cites these rates and gives no strengths; the defaults here are those in common use.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from mibench.contracts import Estimator
from mibench.ranges import AtLeast, AtMost, Below
from mibench.specs import CheckedParams


@dataclass(frozen=True, kw_only=True)
class DropoutParams(CheckedParams):
    """Parameters of dropout.

    Attributes:
        rate: the share of hidden units that is dropped.
    """

    rate: Annotated[float, AtLeast(0), Below(1)] = 0.5


@dataclass(frozen=True, kw_only=True)
class WeightParams(CheckedParams):
    """Parameters of the confidence penalty and of label smoothing.

    Attributes:
        weight: of the penalty, or of the uniform distribution among the labels.
    """

    weight: Annotated[float, AtLeast(0), AtMost(1)] = 0.1


class Baseline(Estimator):
    """Estimates nothing: it is what a bottleneck is compared with.

    Attributes:
        dropout: the share of hidden units that training drops.
    """

    dropout: float = 0.0

    def loss(self, logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> Float[Tensor, ""]:
        """What training descends, in nats."""
        return cross_entropy(logits, labels)


class Dropout(Baseline):
    """Drops hidden units."""

    Params = DropoutParams

    def __init__(self, params: Any, problem: Any) -> None:
        super().__init__(params, problem)
        self.dropout = params.rate


class ConfidencePenalty(Baseline):
    """Pays for uncertain answers."""

    Params = WeightParams

    def loss(self, logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> Float[Tensor, ""]:
        """Cross-entropy less the weighted entropy of the answer."""
        log_p = log_softmax(logits, -1)
        entropy = -(log_p.exp() * log_p).sum(-1).mean()
        return cross_entropy(logits, labels) - self.params.weight * entropy


class LabelSmoothing(Baseline):
    """Softens labels."""

    Params = WeightParams

    def loss(self, logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> Float[Tensor, ""]:
        """Cross-entropy with softened labels."""
        return cross_entropy(logits, labels, label_smoothing=self.params.weight)
