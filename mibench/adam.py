"""Adam by torch's functional form, bit for bit that of `torch.optim.Adam`.

The class loads torch's compiler when it is first used, which takes longer than many trials; the function does not.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.optim.adam import adam


def _like(gradient: Tensor, parameter: Tensor) -> Tensor:
    """The gradient in its parameter's memory layout: the fused kernel walks through both in the order of memory.

    Raises:
        ValueError: it has another shape, with which the kernel would read what is not the gradient's.
    """
    shape = getattr(gradient, "shape", None)  # `autograd.grad` may give `None`
    if shape != parameter.shape:
        given = "None" if shape is None else f"one of shape {tuple(shape)}"
        raise ValueError(f"a parameter of shape {tuple(parameter.shape)} takes a gradient of that shape, not {given}")
    return gradient if gradient.stride() == parameter.stride() else torch.empty_like(parameter).copy_(gradient)


class Adam:
    """Ascends or descends along gradients with the moments of Kingma & Ba (2015), whose defaults it has.

    Attributes:
        parameters: what is changed in place.
        learning_rate: the step size; it may be changed between steps.

    Raises:
        ValueError: the learning rate is negative or NaN, or a parameter is in float16, where squares of gradients
            vanish.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        maximize: bool = False,
    ) -> None:
        if not learning_rate >= 0:
            raise ValueError(f"learning_rate is a number from 0, not {learning_rate}")
        self.parameters = list(parameters)
        if any(weight.dtype == torch.float16 for weight in self.parameters):
            raise ValueError("squares of gradients vanish in torch.float16: train in torch.float32 or torch.bfloat16")
        self.learning_rate = learning_rate
        self._betas = betas
        self._maximize = maximize
        self._means = [torch.zeros_like(weight) for weight in self.parameters]
        self._squares = [torch.zeros_like(weight) for weight in self.parameters]
        self._steps = [torch.zeros((), dtype=torch.float32, device=weight.device) for weight in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Changes every parameter along its gradient; a graph that was made with them before gives no more gradients.

        Raises:
            ValueError: a gradient is `None` or has not its parameter's shape; no parameter is changed.
        """
        adam(
            self.parameters,
            [_like(gradient, weight) for gradient, weight in zip(gradients, self.parameters, strict=True)],
            self._means,
            self._squares,
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=self.learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=self._maximize,
        )
        increment_version(self.parameters)  # which the fused kernel does not, so that autograd sees the change
