"""Perceptrons whose weights are stacked along replica axes, so that one program trains many networks at once.

Each replica is drawn from its own generator with the distribution of `torch.nn.Linear`: weights and biases uniform in
+-1/sqrt(inputs). The draw is in float32 whatever the problem's dtype, so that precisions start from the same network.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Problem
from mibench.ranges import Above, AtLeast
from mibench.search import Search
from mibench.specs import CheckedParams

Activation: TypeAlias = Literal["relu", "elu", "gelu", "silu", "tanh"]

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "relu": torch.relu,
        "elu": torch.nn.functional.elu,
        "gelu": torch.nn.functional.gelu,
        "silu": torch.nn.functional.silu,
        "tanh": torch.tanh,
    }
)


@dataclass(frozen=True, kw_only=True)
class NetworkParams(CheckedParams):
    """What every trained network has.

    Attributes:
        hidden: widths of the hidden layers.
        activation: after each hidden layer.
        learning_rate: of Adam.
    """

    hidden: Annotated[
        tuple[int, ...], AtLeast(1), Search(among=[(64, 64), (128, 128), (256, 256), (512, 512), (256, 256, 256)])
    ] = (512, 512)
    activation: Activation = "relu"
    learning_rate: Annotated[float, Above(0), Search(1e-5, 1e-2, log=True)] = 1e-4


T = TypeVar("T", bound="Trainable")


class Trainable:
    """A dataclass whose fields hold what training changes: tensors, other such dataclasses, and tuples of both."""

    def parameters(self) -> tuple[Tensor, ...]:
        """The tensors that training changes, in the order of the fields."""
        return tuple(tensor for value in vars(self).values() for tensor in _tensors(value))

    def detached(self: T) -> T:
        """The same numbers, through which no gradient reaches the parameters."""
        return type(self)(**{name: _detached(value) for name, value in vars(self).items()})


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Trainable):
        yield from value.parameters()
    elif isinstance(value, tuple):
        for part in cast("tuple[Any, ...]", value):
            yield from _tensors(part)


def _detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Trainable):
        return value.detached()
    return tuple(map(_detached, cast("tuple[Any, ...]", value))) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Linear(Trainable):
    """`x @ weight + bias`, one weight `(inputs, outputs)` a replica."""

    weight: Float[Tensor, "*replicas inputs outputs"]
    bias: Float[Tensor, "*replicas 1 outputs"]

    @classmethod
    def initialised(cls, problem: Problem, inputs: int, outputs: int) -> "Linear":
        """Draws weights and biases as `torch.nn.Linear` does."""
        bound = inputs**-0.5

        def uniform(generator: torch.Generator) -> Tensor:
            return torch.empty(inputs + 1, outputs, dtype=torch.float32).uniform_(-bound, bound, generator=generator)

        drawn = problem.draw(uniform)
        weight, bias = drawn[..., :inputs, :].clone(), drawn[..., inputs:, :].clone()
        return cls(weight.requires_grad_(), bias.requires_grad_())

    def __call__(self, x: Float[Tensor, "*replicas n inputs"]) -> Float[Tensor, "*replicas n outputs"]:
        """Applies each replica's map to that replica's samples."""
        return x @ self.weight + self.bias


@dataclass(frozen=True)
class Perceptron(Trainable):
    """Linear layers with an activation between them."""

    layers: tuple[Linear, ...]
    activation: Activation

    @classmethod
    def initialised(cls, params: NetworkParams, problem: Problem, inputs: int, outputs: int) -> "Perceptron":
        """Draws a network `inputs -> *hidden -> outputs` for each replica."""
        widths = (inputs, *params.hidden, outputs)
        layers = (Linear.initialised(problem, *pair) for pair in itertools.pairwise(widths))
        return cls(tuple(layers), params.activation)

    def __call__(self, x: Float[Tensor, "*replicas n inputs"]) -> Float[Tensor, "*replicas n outputs"]:
        """Applies each replica's network to that replica's samples."""
        return self.finish(self.layers[0](x))

    def finish(self, first: Float[Tensor, "*replicas n width"]) -> Float[Tensor, "*replicas n outputs"]:
        """Continues from what the first layer gives, before its activation."""
        activate = ACTIVATIONS[self.activation]
        for layer in self.layers[1:]:
            first = layer(activate(first))
        return first
