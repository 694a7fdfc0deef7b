"""Families made of other families: seen through a bend or a rotation, copied, or in another gauge.

I(X;Y) and dI/dtheta follow from those of the family inside; pairs stay in its own coordinates, where its log ratio is
known, and an observer shows them bent or rotated.

Example:
    >>> from mibench_families.student import Student
    >>> family = Bent(Student(Student.Params(nu=1.0)), "asinh")
    >>> f"{family.information(family.at(torch.float64)).item():.6f}"
    '0.224171'
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import AffineTransform, Distribution, Independent, Normal, TransformedDistribution
from torch.distributions.transforms import ReshapeTransform

from mibench.bends import BENDS
from mibench.conditionals import normal_coordinates
from mibench.contracts import Conditional
from mibench.families import Draws, Family, Observer, Theta


class Composed(Family):
    """A family that says what another one says, unless overridden.

    Attributes:
        inner: the family inside.
    """

    def __init__(self, inner: Family) -> None:
        super().__init__(inner.params)
        self.inner = inner
        self.theta, self.null = inner.theta, inner.null
        self.adversarial, self.discrete, self.singular = inner.adversarial, inner.discrete, inner.singular
        self.edges, self.flows = inner.edges, inner.flows

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (dx, dy) of the pairs that `sample` gives."""
        return self.inner.dims

    @property
    def observed_dims(self) -> tuple[int, int]:
        """The dimensions of what an estimator sees."""
        return self.inner.observed_dims

    def at(self, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> dict[str, Tensor]:
        """The theta of the family inside."""
        return self.inner.at(dtype, device)

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """Draws n fresh pairs."""
        return self.inner.sample(theta, n, draws)

    def observer(self, draws: Draws) -> Observer:
        """What an estimator sees of the pairs."""
        return self.inner.observer(draws)

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y) / (p(x) p(y)) of pairs as `sample` gives them."""
        return self.inner.log_ratio(theta, x, y)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        return self.inner.information(theta)

    def error(self, theta: Theta, name: str | None = None) -> Float[Tensor, "*replicas"]:
        """The error of `information` or of its derivative."""
        return self.inner.error(theta, name)

    def conditional(self, theta: Theta) -> Conditional | None:
        """p(y|x) as an estimator sees it."""
        return self.inner.conditional(theta)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"] | None:
        """log p(x, y) of pairs as `sample` gives them."""
        return self.inner.log_density(theta, x, y)


def _discrete(family: Family) -> str:
    return f"and {' and '.join(family.discrete)} {'is' if len(family.discrete) == 1 else 'are'} discrete"


_STRETCHING = ("cubic", "exp", "sinh")
"""Bends after which y^3 is so large, and so rarely, that a mean over samples says nothing of a flow along it."""


class Bent(Composed):
    """A family seen through a bijection of x and one of y; p(y|x) of what is seen is not offered.

    Raises:
        ValueError: no bend has this name, or it does not fit the family.
    """

    def __init__(self, inner: Family, bend: str) -> None:
        super().__init__(inner)
        if bend not in BENDS:
            raise ValueError(f"bend is one of {', '.join(BENDS)}, not {bend!r}")
        if inner.discrete:
            raise ValueError(f"bend={bend} needs continuous x and y, {_discrete(inner)}")
        self.bend = BENDS[bend]
        if bend in _STRETCHING:
            self.flows = tuple(flow for flow in inner.flows if flow != "cube")
        if any(seen < least for seen, least in zip(inner.observed_dims, self.bend.dims, strict=True)):
            least, seen = self.bend.dims, inner.observed_dims
            raise ValueError(f"bend={bend} needs dx >= {least[0]} and dy >= {least[1]}, not dx={seen[0]}, dy={seen[1]}")

    def observer(self, draws: Draws) -> Observer:
        """The bent pairs."""
        observe = self.inner.observer(draws)

        def bent(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            x, y = observe(x, y)
            return self.bend.x(x), self.bend.y(y)

        return bent

    def conditional(self, theta: Theta) -> None:
        """Not offered."""


class Rotated(Composed):
    """A family whose x and y are each seen through a rotation drawn once a trial; p(y|x) is not offered.

    Raises:
        ValueError: x or y is discrete.
    """

    def __init__(self, inner: Family) -> None:
        super().__init__(inner)
        if inner.discrete:
            raise ValueError(f"rotate needs continuous x and y, {_discrete(inner)}")

    def observer(self, draws: Draws) -> Observer:
        """The rotated pairs."""
        dx, dy = self.observed_dims
        in_x, in_y = draws.rotation(dx), draws.rotation(dy)
        observe = self.inner.observer(draws)

        def rotated(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            x, y = observe(x, y)
            return x @ in_x, y @ in_y

        return rotated

    def conditional(self, theta: Theta) -> None:
        """Not offered."""


class Copies(Composed):
    """Independent copies of a family side by side: log ratios add, information and its gradient are multiplied.

    Raises:
        ValueError: fewer than one copy.
    """

    def __init__(self, inner: Family, copies: int) -> None:
        super().__init__(inner)
        if copies < 1:
            raise ValueError(f"copies >= 1 are needed, not {copies}")
        self.copies = copies

    @property
    def dims(self) -> tuple[int, int]:
        """Those of all copies together."""
        dx, dy = self.inner.dims
        return self.copies * dx, self.copies * dy

    @property
    def observed_dims(self) -> tuple[int, int]:
        """Those of all copies together."""
        dx, dy = self.inner.observed_dims
        return self.copies * dx, self.copies * dy

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """Draws n fresh pairs of every copy."""
        x, y = self.inner.sample(theta, n * self.copies, draws)
        return self._beside(x), self._beside(y)

    def observer(self, draws: Draws) -> Observer:
        """Every copy as the family inside shows it, all through one observer."""
        observe = self.inner.observer(draws)

        def observed(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            x, y = observe(self._below(x), self._below(y))
            return self._beside(x), self._beside(y)

        return observed

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """The sum over copies."""
        return self._total(self.inner.log_ratio(theta, self._below(x), self._below(y)))

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """The sum over copies, in nats."""
        return self.copies * self.inner.information(theta)

    def error(self, theta: Theta, name: str | None = None) -> Float[Tensor, "*replicas"]:
        """The error of one copy, as often as there are copies: it is the same in each."""
        return self.copies * self.inner.error(theta, name)

    def conditional(self, theta: Theta) -> Conditional | None:
        """p(y|x) of all copies together."""
        inner = self.inner.conditional(theta)
        if inner is None:
            return None

        def together(x: Tensor) -> Distribution:
            normal = normal_coordinates(inner(self._below(x)))
            if normal is not None:
                return Independent(Normal(self._beside(normal.mean), self._beside(normal.stddev)), 1)
            return self._product(theta, x)

        return together

    def _product(self, theta: Theta, x: Tensor) -> Distribution:
        """p(y|x) of all copies, which stand among the replicas of the family inside."""
        axis = x.ndim - 2
        inner = self.inner.conditional({name: value.unsqueeze(axis) for name, value in theta.items()})
        if inner is None:
            raise ValueError(f"{type(self.inner).__name__} offers p(y|x) at some theta alone")
        each = Independent(inner(x.unflatten(-1, (self.copies, -1))), 1)
        flat = torch.Size([each.event_shape.numel()])
        return TransformedDistribution(each, ReshapeTransform(each.event_shape, flat))

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"] | None:
        """The sum over copies."""
        each = self.inner.log_density(theta, self._below(x), self._below(y))
        return None if each is None else self._total(each)

    def _beside(self, z: Tensor) -> Tensor:
        """`(*replicas, n * copies, d)` to `(*replicas, n, copies * d)`."""
        return z.reshape(*z.shape[:-2], z.shape[-2] // self.copies, self.copies * z.shape[-1])

    def _below(self, z: Tensor) -> Tensor:
        """`(*replicas, n, copies * d)` to `(*replicas, n * copies, d)`."""
        return z.reshape(*z.shape[:-2], z.shape[-2] * self.copies, z.shape[-1] // self.copies)

    def _total(self, each: Tensor) -> Tensor:
        return each.unflatten(-1, (-1, self.copies)).sum(-1)


class Gauged(Composed):
    """A family whose y is multiplied by c = t + sqrt(1 + t^2), t = theta[name]: paths change, I and dI/dtheta do not.

    Two gauges of one family agree in the mean of what pairs contribute to the gradient; how far an estimator's answers
    lie apart is how far it violates Stein's identity.

    Raises:
        ValueError: theta has no such name, y is discrete, or the density has an edge that c would move.
    """

    def __init__(self, inner: Family, name: str | None = None) -> None:
        super().__init__(inner)
        self.name = inner.theta[0] if name is None else name
        if self.name not in inner.theta:
            raise ValueError(f"theta is one of {', '.join(inner.theta)}, not {self.name!r}")
        if "y" in inner.discrete or inner.edges:
            raise ValueError(f"another gauge needs a smooth density of y, which {type(inner).__name__} does not have")

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """Draws n fresh pairs."""
        x, y = self.inner.sample(theta, n, draws)
        return x, y * self._scale(theta)

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """That of the family inside, at y / c."""
        return self.inner.log_ratio(theta, x, y / self._scale(theta))

    def conditional(self, theta: Theta) -> Conditional | None:
        """p(y|x): that of the family inside, scaled."""
        inner, scale = self.inner.conditional(theta), self._scale(theta)
        if inner is None:
            return None

        def scaled(x: Tensor) -> Distribution:
            given = inner(x)
            normal = normal_coordinates(given)
            if normal is not None:
                return Independent(Normal(normal.mean * scale, normal.stddev * scale), 1)
            return TransformedDistribution(given, AffineTransform(0.0, scale, event_dim=1))

        return scaled

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"] | None:
        """That of the family inside, and the logarithm of the volume."""
        scale = self._scale(theta)
        inner = self.inner.log_density(theta, x, y / scale)
        return None if inner is None else inner - y.shape[-1] * scale.log()[..., 0]

    def _scale(self, theta: Theta) -> Float[Tensor, "*replicas 1 1"]:
        t = theta[self.name][..., None, None]
        return t.asinh().exp()


def compose(family: Family, *, bend: str = "none", rotate: bool = False, copies: int = 1) -> Family:
    """A family in copies, all bent and then rotated together.

    Raises:
        ValueError: what is asked for does not fit the family.
    """
    if copies != 1:
        family = Copies(family, copies)
    if bend != "none":
        family = Bent(family, bend)
    return Rotated(family) if rotate else family
