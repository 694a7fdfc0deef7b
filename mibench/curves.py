"""Value and gradient of I(X;Y) on a family: the task that the harness makes of every family.

Protocol: `steps` updates, each on n pairs, then value and gradient once on n pairs that no update has seen. The pairs
of an update are fresh ones, or with `data=fixed` the same n again and again. Pairs are differentiable in theta: an
estimator's dI/dtheta is the derivative of its surrogate through what it sees of x and y.
"""

import dataclasses
import functools
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias, cast

import torch
from jaxtyping import Float
from torch import Tensor

from mibench import truths
from mibench.bends import BendName
from mibench.compositions import Gauged, compose
from mibench.contracts import Context, Estimator, Measurement, Task
from mibench.errors import PluginError, UnfitError
from mibench.families import Draws, Family, Flow, Observer, together
from mibench.specs import Quantity, TaskSpec, load_target

FLOWS: Mapping[Flow, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "scale": torch.positive,
        "cube": lambda y: y**3,
        "sine": lambda y: (3 * y).sin(),
        "rotation": lambda y: torch.cat([-y[..., 1:2], y[..., :1], 0 * y[..., 2:]], -1),
    }
)
"""Flows y -> y + t v(y), by name: a bijection of y changes no information, so that the derivative along each is 0."""


TAKEN = frozenset({"rmse", "relative_rmse", "ratio", "cosine", "oracle", "seeds"})
"""What a parameter of a family may not be called: columns of its table, and of what is made of its curves."""

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
        stream = _Stream(type(self), cells, self.theta(cells[0]), context, self.precision)
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
            if not stream.family.pathwise(stream.name):
                columns.append([Measurement("adversarial", 1.0)] * len(cells))
        return [[measurement for measurement in row if measurement is not None] for row in zip(*columns, strict=True)]


@dataclasses.dataclass(frozen=True)
class _Pairs:
    """One batch: the pairs of a family, and what an estimator sees of them, with the graph back to theta.

    What is shown is seen in the dtype of the run. A bend may be so steep that its inverse takes all digits of `shown`.
    """

    x: Float[Tensor, "trials n dx"]
    y: Float[Tensor, "trials n dy"]
    shown_x: Float[Tensor, "trials n seen_dx"]
    shown_y: Float[Tensor, "trials n seen_dy"]
    seen_x: Float[Tensor, "trials n seen_dx"]
    seen_y: Float[Tensor, "trials n seen_dy"]


class _Stream:
    """Pairs of several cells of one family, every trial from a generator of its own."""

    def __init__(
        self, kind: type[CurveTask], cells: Sequence[Any], name: str, context: Context, precision: torch.dtype | None
    ) -> None:
        families = [kind().family(cell) for cell in cells]
        self.kind, self.cells, self.family, self.name, self.context = kind, cells, families[0], name, context
        self.precision = precision or context.dtype
        self.theta = together(families, self.precision, context.device)
        self.theta[name].requires_grad_()
        self._draws = Draws(
            generators=context.data,
            replicas=(len(families),),
            device=context.device,
            dtype=self.precision,
            precision=precision or torch.float32,
        )
        self._observe: Observer = self.family.observer(self._draws)
        self._last: _Pairs | None = None

    @property
    def information(self) -> tuple[Tensor, Tensor]:
        """The true value and its error, `(trials,)` each."""
        known = [truths.information(self.kind, cell, self.precision, self.context.device) for cell in self.cells]
        values, errors = zip(*known, strict=True)
        return torch.stack(values), torch.stack(errors)

    @property
    def slope(self) -> tuple[Tensor, Tensor]:
        """The true gradient, `(trials, ...)`, and its error, `(trials,)`."""
        where = self.name, self.precision, self.context.device
        values, errors = zip(*(truths.slope(self.kind, cell, *where) for cell in self.cells), strict=True)
        return torch.stack(values), torch.stack(errors)

    def require_truth(self, estimates: Collection[Quantity]) -> None:
        """Computes what is judged by, before anything is drawn or trained.

        Raises:
            UnfitError: double precision does not hold it.
        """
        if "value" in estimates:
            _ = self.information
        if "gradient" in estimates:
            _ = self.slope

    def draw(self, n: int) -> _Pairs:
        """n fresh pairs; where theta moves no y, the derivative of y is 0, and none where y is discrete beside x."""
        x, y = self.family.sample(self.theta, n, self._draws)
        if not y.requires_grad and not (x.requires_grad and "y" in self.family.discrete):
            y = y + 0 * self.theta[self.name].reshape(len(y), -1).sum(-1)[:, None, None]
        shown = self._observe(x, y)
        self._last = _Pairs(x, y, *shown, *(side.to(self.context.dtype) for side in shown))
        return self._last

    def conditional(self) -> Any:
        """p(y|x) in the dtype of the run."""
        return self.family.conditional({name: value.to(self.context.dtype) for name, value in self.theta.items()})

    def log_ratio(self, x: Tensor, y: Tensor) -> Tensor:
        """The exact log ratio of the last batch, as a function of what an estimator saw of it.

        Raises:
            ValueError: these are other pairs.
        """
        pairs = self._last
        if pairs is None or x.shape != pairs.seen_x.shape or not torch.equal(x, pairs.seen_x):
            raise ValueError("the exact log ratio is known of the task's own pairs alone")
        shown_x, shown_y = (
            shown if given is seen else given
            for given, seen, shown in ((x, pairs.seen_x, pairs.shown_x), (y, pairs.seen_y, pairs.shown_y))
        )
        left, right = (
            _pulled_back(latent.detach(), shown, self._side(side))
            for side, latent, shown in ((0, pairs.x, shown_x), (1, pairs.y, shown_y))
        )
        ratio = self.family.log_ratio({name: value.detach() for name, value in self.theta.items()}, left, right)
        return ratio + 0 * (left.sum(-1) + right.sum(-1))  # a graph, where the ratio is flat

    def _side(self, side: int) -> Callable[[Tensor], Tensor]:
        """What is seen of x alone or of y alone; each depends on its own side."""
        pairs = cast("_Pairs", self._last)

        def seen(latent: Tensor) -> Tensor:
            given = (latent, pairs.y.detach()) if side == 0 else (pairs.x.detach(), latent)
            return self._observe(*given)[side]

        return seen


def _pulled_back(latent: Tensor, seen: Tensor, observe: Callable[[Tensor], Tensor]) -> Tensor:
    """The latent samples as a function of what is seen of them, exact to first order.

    Their derivative is the inverse of the observer's Jacobian, by pseudo-inverse where the observer embeds.
    """
    if not seen.requires_grad:
        return latent
    moved = seen.to(latent.dtype) - seen.detach().to(latent.dtype)
    with torch.enable_grad():
        leaf = latent.requires_grad_()
        shown = observe(leaf)
        if shown is leaf:
            return latent.detach() + moved
        rows = [torch.autograd.grad(shown[..., k].sum(), leaf, retain_graph=True)[0] for k in range(shown.shape[-1])]
    jacobian = torch.stack(rows, -2)
    return latent.detach() + (torch.linalg.pinv(jacobian) @ moved[..., None])[..., 0]


def _refuse_discrete(stream: _Stream, context: Context) -> None:
    """Refuses an estimator of scores where theta acts on discrete samples alone, which have none.

    Raises:
        UnfitError: it is one.
    """
    family, name = stream.family, stream.name
    if "continuous" in context.spec.needs and "y" in family.discrete and not family.pathwise(name):
        raise UnfitError(f"{context.spec.name} needs samples with a density, and {name} acts on a discrete y alone")


def _value(estimator: Estimator, stream: _Stream, pairs: _Pairs) -> Column:
    with torch.no_grad():
        values = estimator.mi(pairs.seen_x.detach(), pairs.seen_y.detach())
    truth, error = stream.information
    return _measurements("mi", values, truth, "nats", error)


def _gradient(estimator: Estimator, stream: _Stream, pairs: _Pairs, *, flows: bool) -> list[Column]:
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


def _along_theta(in_theta: Tensor, stream: _Stream) -> list[Column]:
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


def _cosines(in_y: Tensor, stream: _Stream, pairs: _Pairs) -> Column:
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


def load_task(spec: TaskSpec, owner: str) -> type[Task]:
    """The task that a spec names; if that is a family, the task that is made of it.

    Raises:
        PluginError: it cannot be imported.
    """
    target = load_target(spec.target, owner)
    return family_task(target) if isinstance(target, type) and issubclass(target, Family) else target


@functools.cache
def family_task(kind: type[Family]) -> type[CurveTask]:
    """The task of a family: the family's own parameters, and those that all families have.

    Raises:
        PluginError: a parameter has a name that is taken.
    """
    own = typing.get_type_hints(kind.Params)
    if clash := TAKEN & own.keys():
        raise PluginError(f"family {kind.__name__}: a parameter may not be called {', '.join(sorted(clash))}")
    fields: list[Any] = [
        (field.name, own[field.name], dataclasses.field(default=field.default))
        for field in dataclasses.fields(kind.Params)
    ]
    fields += [field for field in _common_fields(kind) if field[0] not in own]

    def post_init(cell: Any) -> None:
        if cell.n < 2 or cell.steps < 0:
            raise ValueError(f"n >= 2 and steps >= 0 are needed, not n={cell.n}, steps={cell.steps}")
        _make(kind, cell)

    params = dataclasses.make_dataclass(
        f"{kind.__name__}Cell", fields, frozen=True, kw_only=True, namespace={"__post_init__": post_init}
    )

    class Curves(CurveTask):
        Params = params

        def family(self, cell: Any) -> Family:
            return _make(kind, cell)

    Curves.__doc__, Curves.__name__, Curves.__qualname__ = (
        kind.__doc__,
        f"{kind.__name__}Curves",
        f"{kind.__name__}Curves",
    )
    return Curves


def _common_fields(kind: type[Family]) -> list[Any]:
    """Name, type and default of what every family's cells have."""
    names = kind.theta
    return [
        ("d", int | None, dataclasses.field(default=None)),
        ("copies", int, dataclasses.field(default=1)),
        ("bend", BendName, dataclasses.field(default="none")),
        ("rotate", bool, dataclasses.field(default=False)),
        ("gauge", Literal["own", "scaled"], dataclasses.field(default="own")),
        ("theta", Literal[names], dataclasses.field(default=names[0])),
        ("n", int, dataclasses.field(default=256)),
        ("steps", int, dataclasses.field(default=200)),
        ("samples", Literal["fresh", "fixed"], dataclasses.field(default="fresh", metadata={"alias": "data"})),
    ]


def _make(kind: type[Family], cell: Any) -> Family:
    """The family at a cell. `d` is its own, or sets both of dx and dy, or counts independent coordinates."""
    given = {field.name: getattr(cell, field.name) for field in dataclasses.fields(kind.Params)}
    copies = cell.copies
    if "d" not in given and cell.d is not None:
        if {"dx", "dy"} <= given.keys():
            given |= {"dx": cell.d, "dy": cell.d}
        elif copies == 1:
            copies = cell.d
        else:
            raise ValueError(f"d and copies both count independent coordinates; give one of them, not d={cell.d} too")
    family: Family = kind(kind.Params(**given))
    if cell.gauge == "scaled":
        family = Gauged(family, cell.theta)
    return compose(family, bend=cell.bend, rotate=cell.rotate, copies=copies)
