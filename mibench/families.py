r"""What a plugin author implements to bring a family: a distribution of (x, y) whose answer is known. Values in nats.

A family has a parameter theta, samples that are differentiable in theta, the exact log ratio

.. math:: i(x, y) = \log \frac{p(x, y)}{p(x) \, p(y)}, \qquad I(X;Y) = \mathbb{E}[i(X, Y)],

and I as a function of theta; dI/dtheta is always the autograd gradient of `information`. For samples
:math:`Z = g(\theta, \epsilon)` with a density that is smooth, and has no edge that theta moves,

.. math::
    \frac{dI}{d\theta} = \mathbb{E}\Big[ \nabla i(Z)^\top \frac{dZ}{d\theta} \Big], \qquad
    \frac{dI}{d\theta} = \mathbb{E}\Big[ i(Z) \, \frac{d \log p(Z; \theta)}{d\theta} \Big],

the first of which is what a surrogate's gradient estimates; the second holds for mixture weights and discrete variables
too.

Example:
    >>> import torch
    >>> from mibench_families.student import Student
    >>> family = Student(Student.Params(dx=2, dy=2, nu=1.0))
    >>> theta = family.at(torch.float64)
    >>> x, y = family.sample(theta, 256, Draws.seeded(0))
    >>> family.log_ratio(theta, x, y).shape, f"{family.information(theta).item():.6f}"
    (torch.Size([256]), '0.431946')
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mibench.contracts import Conditional
from mibench.family_answers import LOOKS, looking_at
from mibench.specs import NoParams

Theta: TypeAlias = Mapping[str, Tensor]
"""The value of every parameter that the gradient can be taken in, by name: `(*replicas,)`, or `(*replicas, ...)` for a
vector or a matrix."""

Side: TypeAlias = Literal["x", "y"]

Flow: TypeAlias = Literal["scale", "cube", "sine", "rotation"]
"""A flow y -> y + t v(y) along which information does not change: v = y, y^3, sin 3y, or a rotation."""

Observer: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From the pairs (x, y) of a family, `(*replicas, n, dx)` and `(*replicas, n, dy)`, to what an estimator sees of them;
x' depends on x alone and y' on y alone."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Random numbers for a family, one generator a replica: a replica's numbers do not depend on its neighbours.

    Numbers are drawn on the CPU in `precision`, whatever the device and dtype they are for.

    Attributes:
        generators: one a replica (in C order), on the CPU.
        replicas: leading axes of everything that is drawn; `()` for none.
        device, dtype: of everything that is drawn.
        precision: the dtype in which it is drawn.
    """

    generators: tuple[torch.Generator, ...]
    replicas: tuple[int, ...] = ()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float64
    precision: torch.dtype = torch.float64

    @classmethod
    def seeded(cls, seed: int, replicas: tuple[int, ...] = ()) -> "Draws":
        """Draws in float64, replica k from a generator with seed `seed + k`."""
        count = int(torch.Size(replicas).numel())
        return cls(generators=tuple(torch.Generator().manual_seed(seed + k) for k in range(count)), replicas=replicas)

    def normal(self, *shape: int) -> Float[Tensor, "..."]:
        """N(0, 1), `(*replicas, *shape)`."""
        return self._draw(lambda generator: torch.randn(shape, generator=generator, dtype=self.precision))

    def uniform(self, *shape: int) -> Float[Tensor, "..."]:
        """U(0, 1), never 0 or 1: `(*replicas, *shape)`."""
        limits = torch.finfo(self.dtype)
        drawn = self._draw(lambda generator: torch.rand(shape, generator=generator, dtype=self.precision))
        return drawn.clamp(limits.tiny, 1 - limits.eps / 2)

    def exponential(self, *shape: int) -> Float[Tensor, "..."]:
        """Exp(1), `(*replicas, *shape)`."""
        return self._draw(lambda generator: torch.empty(shape, dtype=self.precision).exponential_(generator=generator))

    def integers(self, high: int, *shape: int) -> Int[Tensor, "..."]:
        """Uniform on 0, ..., high - 1: `(*replicas, *shape)`, int64."""
        return self._draw(lambda generator: torch.randint(high, shape, generator=generator))

    def gamma(self, concentration: Float[Tensor, "*replicas"], *shape: int) -> Float[Tensor, "..."]:
        """Gamma(concentration, 1), differentiable in the concentration: `(*replicas, *shape)`."""
        each = concentration.to("cpu", self.precision).reshape(-1)
        pairs = zip(each, self.generators, strict=True)
        return self._gather([_standard_gamma(value.expand(shape), generator) for value, generator in pairs])

    def log_gamma(self, concentration: Float[Tensor, "*replicas"], *shape: int) -> Float[Tensor, "..."]:
        """The logarithm of Gamma(concentration, 1), differentiable: `(*replicas, *shape)`.

        It is log Gamma(a + 1) + log(U) / a, which does not underflow however small a is.
        """
        tail = (...,) + (None,) * len(shape)
        return self.gamma(concentration + 1, *shape).log() + self.uniform(*shape).log() / concentration[tail]

    def rotation(self, d: int) -> Float[Tensor, "*replicas d d"]:
        """Orthogonal matrices, uniformly distributed."""
        normals = [torch.randn(d, d, generator=generator, dtype=torch.float64) for generator in self.generators]
        q, r = torch.linalg.qr(torch.stack(normals))
        return self._gather(list(q * r.diagonal(dim1=-2, dim2=-1).sign()[:, None]))

    def poisson(self, rate: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Poisson counts, each with its own mean: rate and counts are `(*replicas, ...)`."""
        each = rate.detach().to("cpu", self.precision).reshape(len(self.generators), *rate.shape[len(self.replicas) :])
        pairs = zip(each, self.generators, strict=True)
        return self._gather([torch.poisson(value, generator=generator) for value, generator in pairs])

    def _draw(self, sample: Callable[[torch.Generator], Tensor]) -> Tensor:
        return self._gather([sample(generator) for generator in self.generators])

    def _gather(self, drawn: Sequence[Tensor]) -> Tensor:
        stacked = torch.stack(list(drawn))
        stacked = stacked.reshape(*self.replicas, *stacked.shape[1:])
        return stacked.to(self.device, self.dtype if stacked.is_floating_point() else stacked.dtype)


def _standard_gamma(concentration: Tensor, generator: torch.Generator) -> Tensor:
    """What `torch.distributions.Gamma` is made of; that takes no generator."""
    return torch._standard_gamma(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        concentration, generator=generator
    )


class Family:
    """A distribution of (x, y) whose mutual information is known, as a function of theta.

    `Params` is a frozen, keyword-only, all-defaulted dataclass that refuses values outside the family's range with a
    ValueError of one line; one instance of it is a cell. It has a field for every name in `theta`.

    Attributes:
        theta: names the gradient can be taken in; the first is the default.
        null: values of theta at which x and y are independent, by name.
        params: the cell, as it was given: another instance may be made of it.
        adversarial: names in theta whose gradient does not pass through the samples: p jumps at an edge that moves with
            theta, or theta acts on discrete variables or weighs a mixture. The exact score does not give it there.
        discrete: sides whose values are isolated points: no gradient in them, and no bend.
        singular: sides without a density in the space they are seen in: the gradient of the log ratio in them exists
            along the support alone.
        edges: whether the density jumps at an edge of the support, so that flows along y that move it are not null.
        flows: the flows along y in which the exact score has a mean, which is 0.
    """

    Params: ClassVar[type[Any]] = NoParams
    theta: tuple[str, ...] = ()
    null: Mapping[str, float] = MappingProxyType({})
    adversarial: tuple[str, ...] = ()
    discrete: tuple[Side, ...] = ()
    singular: tuple[Side, ...] = ()
    edges: bool = False
    flows: tuple[Flow, ...] = ("scale", "cube", "sine", "rotation")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Has every subclass look at its answers; see `mibench.family_answers`."""
        super().__init_subclass__(**kwargs)
        for name in LOOKS.keys() & vars(cls).keys():
            setattr(cls, name, looking_at(name, vars(cls)[name]))

    def __init__(self, params: Any) -> None:
        self.params = params

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (dx, dy) of the pairs that `sample` gives: (d, d) of a parameter d, unless overridden."""
        if not hasattr(self.params, "d"):
            raise NotImplementedError(f"{type(self).__name__} has no parameter d, and does not say its dimensions")
        return self.params.d, self.params.d

    @property
    def observed_dims(self) -> tuple[int, int]:
        """The dimensions of what an estimator sees."""
        return self.dims

    def at(self, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> dict[str, Tensor]:
        """The cell's own theta, `()` each."""
        return {name: torch.as_tensor(getattr(self.params, name), dtype=dtype, device=device) for name in self.theta}

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """Draws n fresh pairs, differentiable in every theta for which `pathwise` holds."""
        raise NotImplementedError(f"{type(self).__name__} does not sample")

    def observer(self, draws: Draws) -> Observer:  # noqa: ARG002
        """What an estimator sees of the pairs, drawn once a trial; the pairs themselves unless overridden."""
        return lambda x, y: (x, y)

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y) / (p(x) p(y)) of pairs as `sample` gives them, not as an observer shows them."""
        raise NotImplementedError(f"{type(self).__name__} does not know its log ratio")

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats, differentiable in theta; theta is in float64."""
        raise NotImplementedError(f"{type(self).__name__} does not know its information")

    def error(self, theta: Theta, name: str | None = None) -> Float[Tensor, "*replicas"]:  # noqa: ARG002
        """How far `information`, or its derivative in `name`, may be from the truth; zero for a closed form.

        For a quadrature the difference from one of half as many nodes, for a Monte Carlo mean its standard error.
        """
        return torch.zeros_like(self.information(theta)).detach()

    def conditional(self, theta: Theta) -> Conditional | None:  # noqa: ARG002
        """p(y|x) as an estimator sees it, differentiable in theta.

        Returns:
            From x to a distribution of event shape `(dy,)`, or `None` where it is not offered.
        """
        return None

    def log_density(
        self,
        theta: Theta,  # noqa: ARG002
        x: Float[Tensor, "*replicas n dx"],  # noqa: ARG002
        y: Float[Tensor, "*replicas n dy"],  # noqa: ARG002
    ) -> Float[Tensor, "*replicas n"] | None:
        """log p(x, y) of pairs as `sample` gives them, up to terms free of theta; `None` where it is not offered."""
        return None

    def pathwise(self, name: str) -> bool:
        """Whether dI/d(name) = E[grad i . dZ/d(name)]."""
        return name not in self.adversarial


def together(
    families: Sequence[Family], dtype: torch.dtype = torch.float32, device: torch.device | None = None
) -> dict[str, Tensor]:
    """The theta of several cells of one family, one replica a cell: `(len(families),)` each."""
    each = [family.at(dtype, device) for family in families]
    return {name: torch.stack([theta[name] for theta in each]) for name in families[0].theta}


@dataclass(frozen=True)
class Solved:
    """I and its gradient at one value of theta, each with its error, in nats."""

    value: float
    gradient: Mapping[str, float]
    error: float
    gradient_error: Mapping[str, float]


class QuadratureFamily(Family):
    """A family whose information is an integral: solved once for a value of theta, and then remembered.

    Subclasses bring `integral` in place of `information`; every name in theta is a number.
    """

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y) in nats by a deterministic quadrature in float64, differentiable in theta.

        Args:
            theta: numbers, `()` each.
            fineness: 1 or 2; at 2 with twice as many nodes.
        """
        raise NotImplementedError(f"{type(self).__name__} does not know its information")

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats, differentiable once in theta."""
        solved = self._solved(theta)
        total = self._per_replica(theta, [answer.value for answer in solved])
        for name in self.theta:
            slope = self._per_replica(theta, [answer.gradient[name] for answer in solved])
            total = total + slope * (theta[name] - theta[name].detach())
        return total

    def error(self, theta: Theta, name: str | None = None) -> Float[Tensor, "*replicas"]:
        """The difference from a quadrature of half as many nodes."""
        solved = self._solved(theta)
        return self._per_replica(
            theta, [answer.error if name is None else answer.gradient_error[name] for answer in solved]
        )

    def _solved(self, theta: Theta) -> list[Solved]:
        columns = [theta[name].detach().reshape(-1).tolist() for name in self.theta]
        return [_solve(type(self), self.params, values) for values in zip(*columns, strict=True)]

    def _per_replica(self, theta: Theta, values: list[float]) -> Tensor:
        like = theta[self.theta[0]]
        return torch.tensor(values, dtype=torch.float64, device=like.device).reshape(like.shape)


@lru_cache(maxsize=100_000)
def _solve(kind: type[QuadratureFamily], params: Any, values: tuple[float, ...]) -> Solved:
    family = kind(params)
    (coarse, coarse_slopes), (fine, slopes) = (_integrate(family, values, fineness) for fineness in (1, 2))
    return Solved(
        fine,
        slopes,
        abs(fine - coarse),
        {name: abs(slope - coarse_slopes[name]) for name, slope in slopes.items()},
    )


def _integrate(family: QuadratureFamily, values: tuple[float, ...], fineness: int) -> tuple[float, dict[str, float]]:
    theta = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in zip(family.theta, values, strict=True)
    }
    with torch.enable_grad():
        value = family.integral(theta, fineness)
        slopes = torch.autograd.grad(value, list(theta.values()), materialize_grads=True)
    return value.item(), {name: slope.item() for name, slope in zip(theta, slopes, strict=True)}
