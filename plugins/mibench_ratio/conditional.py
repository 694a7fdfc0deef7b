"""The score of a known p(y|x) (Circumstance III of Wen et al. 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Conditional


def conditional_scores(
    conditional: Conditional, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
) -> tuple[Float[Tensor, "*replicas n dx"] | None, Float[Tensor, "*replicas n dy"]]:
    """The gradients of log p(y|x) in x, if x requires one, and in y; nothing reaches the conditional's parameters."""
    wanted = x.requires_grad
    x, y = x.detach().requires_grad_(wanted), y.detach().requires_grad_()
    with torch.enable_grad():
        total = conditional(x).log_prob(y).sum()
        in_y, *in_x = torch.autograd.grad(total, (y, x) if wanted else (y,), materialize_grads=True)
    return in_x[0] if wanted else None, in_y
