"""Value and gradient of I(X;Y) on a family: the task that the harness makes of every family.

Protocol: `steps` updates, each on n pairs, then value and gradient once on n pairs that no update has seen. The pairs
of an update are fresh ones, or with `data=fixed` the same n again and again. Pairs are differentiable in theta: an
estimator's dI/dtheta is the derivative of its surrogate through what it sees of x and y.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias, cast

import torch
from torch import Tensor

from mibench.contracts import Context, Estimator, Measurement, Task
from mibench.curves.stream import Pairs, Stream
from mibench.errors import UnfitError
from mibench.families import Family, Flow

FLOWS: Mapping[Flow, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "scale": torch.positive,
        "cube": lambda y: y**3,
        "sine": lambda y: (3 * y).sin(),
        "rotation": lambda y: torch.cat([-y[..., 1:2], y[..., :1], 0 * y[..., 2:]], -1),
    }
)
"""Flows y -> y + t v(y), by name: a bijection of y changes no information, so that the derivative along each is 0."""


Column: TypeAlias = Sequence[Measurement | None]
"""One measurement of every trial; `None` where it is not defined."""


class CurveTask(Task):
    """Measures `mi` and `mi_gradient`, and whatever else a family's answer is known for.

    Subclasses bring `Params` and `family`.

    Attributes:
        theta: from a cell to the name in theta that the gradient is taken in.
        precision: of samples and densities; if `None`, that of the run, and numbers are drawn in single precision.
        extended: whether to measure null flows and the samples that were seen, too.
    """

    precision: ClassVar[torch.dtype | None] = torch.float64
    extended: ClassVar[bool] = True

    def family(self, cell: Any) -> Family:
        """The family at a cell."""
        raise NotImplementedError(f"{type(self).__name__} does not say which family it is of")

    def theta(self, cell: Any) -> str:
        """The name in theta that the gradient is taken in."""
        return cell.theta

    def run(self, cells: Sequence[Any], context: Context) -> list[list[Measurement]]:
        """Trains the estimator if it trains, then measures on fresh pairs; one replica a trial."""
        stream = Stream(type(self), cells, self.theta(cells[0]), context, self.precision)
        _refuse_discrete(stream, context)
        stream.require_truth(context.spec.estimates)
        estimator = context.estimator(*stream.family.observed_dims, stream.conditional(), stream.log_ratio)
        fixed = getattr(cells[0], "samples", "fresh") == "fixed"
        steps = cells[0].steps if context.spec.trains else 0
        batch = stream.draw(cells[0].n) if fixed and steps else None
        for _ in range(steps):
            pairs = batch or stream.draw(cells[0].n)
            estimator.update(pairs.seen_x.detach(), pairs.seen_y.detach())
        pairs = stream.draw(cells[0].n)
        columns: list[Column] = []
        if "value" in context.spec.estimates:
            columns.append(_value(estimator, stream, pairs))
        if "gradient" in context.spec.estimates:
            columns += _gradient(estimator, stream, pairs, flows=self.extended)
        if self.extended:
            seen = cells[0].n * (steps if steps and not fixed else 1)
            columns.append([Measurement("samples", seen, unit="pairs")] * len(cells))
        return [[measurement for measurement in row if measurement is not None] for row in zip(*columns, strict=True)]


def _refuse_discrete(stream: Stream, context: Context) -> None:
    """Refuses an estimator of scores where theta acts on discrete samples alone, which have none.

    Raises:
        UnfitError: it is one.
    """
    family, name = stream.family, stream.name
    if "continuous" in context.spec.needs and "y" in family.discrete and not family.pathwise(name):
        raise UnfitError(f"{context.spec.name} needs samples with a density, and {name} acts on a discrete y alone")


def _value(estimator: Estimator, stream: Stream, pairs: Pairs) -> Column:
    with torch.no_grad():
        values = estimator.mi(pairs.seen_x.detach(), pairs.seen_y.detach())
    truth, error = stream.information
    return _measurements("mi", values, truth, "nats", error)


def _gradient(estimator: Estimator, stream: Stream, pairs: Pairs, *, flows: bool) -> list[Column]:
    theta = stream.theta[stream.name]
    surrogate = estimator.surrogate(pairs.seen_x, pairs.seen_y).sum()
    wanted = (theta, pairs.y, pairs.shown_y) if pairs.y.requires_grad else (theta,)
    gradients = (*torch.autograd.grad(surrogate, wanted, allow_unused=True), None, None)
    in_theta, in_y, in_seen = cast("tuple[Tensor | None, Tensor | None, Tensor | None]", gradients[:3])
    if in_theta is None:
        raise ValueError("the surrogate depends neither on y nor on p(y|x), so it has no gradient in theta")
    columns = _along_theta(in_theta, stream)
    if in_y is not None and "y" not in stream.family.discrete:  # else the estimator reads p(y|x) in place of y
        columns.append(_cosines(in_y, stream, pairs))
    if flows and in_seen is not None:
        columns += _null_flows(stream.family, in_seen.detach(), pairs.shown_y.detach())
    return columns


def _along_theta(in_theta: Tensor, stream: Stream) -> list[Column]:
    """The gradient in theta; of a vector or a matrix its component along the truth, and the cosine of the two."""
    truth, error = stream.slope
    if truth.ndim == 1:
        return [_measurements("mi_gradient", in_theta, truth, "nats", error)]
    estimate, truth = in_theta.flatten(1).double(), truth.flatten(1)
    size = truth.norm(dim=-1)
    along = (estimate * truth).sum(-1) / size.clamp_min(torch.finfo(size.dtype).tiny)
    cosine = torch.cosine_similarity(estimate, truth)
    return [
        _measurements("mi_gradient", along, size, "nats", error),
        _measurements("direction_cosine", cosine, torch.ones_like(cosine), ""),
    ]


def _cosines(in_y: Tensor, stream: Stream, pairs: Pairs) -> Column:
    """With the exact gradient in y, sample by sample; nothing where that vanishes."""
    theta = {name: value.detach() for name, value in stream.theta.items()}
    y = pairs.y.detach().requires_grad_()
    with torch.enable_grad():
        ratio = stream.family.log_ratio(theta, pairs.x.detach(), y).sum() + 0 * y.sum()
    (exact,) = torch.autograd.grad(ratio, y, materialize_grads=True)
    cosine = torch.cosine_similarity(in_y.flatten(1), exact.flatten(1))
    vanishes = (exact == 0).flatten(1).all(-1).tolist()
    measured = _measurements("gradient_cosine", cosine, torch.ones_like(cosine), "")
    return [None if gone else measurement for gone, measurement in zip(vanishes, measured, strict=True)]


def _null_flows(family: Family, in_y: Tensor, y: Tensor) -> Iterator[Column]:
    """The derivative along each flow in which the exact score has the mean 0: none where the density has an edge."""
    if family.edges or "y" in family.discrete or "y" in family.singular:
        return
    for name in family.flows:
        if name != "rotation" or y.shape[-1] > 1:
            along = (in_y * FLOWS[name](y)).sum((-2, -1))
            yield _measurements(f"null_flow/{name}", along, torch.zeros_like(along), "nats")


def _measurements(
    name: str, values: Tensor, truths: Tensor, unit: str, errors: Tensor | None = None
) -> list[Measurement]:
    """One measurement a trial; an exact truth has no error."""
    known = [None] * len(truths) if errors is None else [error or None for error in errors.tolist()]
    rows = zip(values.tolist(), truths.tolist(), known, strict=True)
    return [Measurement(name, value, truth, unit, truth_error=error) for value, truth, error in rows]
