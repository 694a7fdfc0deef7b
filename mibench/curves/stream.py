"""Pairs of a family as a task of curves draws them, differentiable in theta, and what is known of them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from mibench import truths
from mibench.contracts import Context
from mibench.errors import DivergedError
from mibench.families import Draws, Observer, together
from mibench.family_answers import dimensions
from mibench.specs import Quantity
from mibench.text import number

if TYPE_CHECKING:
    from mibench.curves import CurveTask


@dataclass(frozen=True)
class Pairs:
    """One batch: the pairs of a family, and what an estimator sees of them, with the graph back to theta.

    What is shown is seen in the dtype of the run. A bend may be so steep that its inverse takes all digits of `shown`.
    """

    x: Float[Tensor, "trials n dx"]
    y: Float[Tensor, "trials n dy"]
    shown_x: Float[Tensor, "trials n seen_dx"]
    shown_y: Float[Tensor, "trials n seen_dy"]
    seen_x: Float[Tensor, "trials n seen_dx"]
    seen_y: Float[Tensor, "trials n seen_dy"]


class Stream:
    """Pairs of several cells of one family, every trial from a generator of its own."""

    def __init__(
        self, kind: "type[CurveTask]", cells: Sequence[Any], name: str, context: Context, precision: torch.dtype | None
    ) -> None:
        families = [kind().family(cell) for cell in cells]
        self.kind, self.cells, self.family, self.name, self.context = kind, cells, families[0], name, context
        dimensions(self.family)  # before an estimator is made for them
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
        self._last: Pairs | None = None

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
            UnfitError: it is infinite, or double precision does not hold it.
            PluginError: it is no information, by the family's fault.
        """
        if "value" in estimates:
            _ = self.information
        if "gradient" in estimates:
            _ = self.slope

    def draw(self, n: int) -> Pairs:
        """n fresh pairs; where theta moves no y, the derivative of y is 0, and none where y is discrete beside x."""
        x, y = self.family.sample(self.theta, n, self._draws)
        if not y.requires_grad and not (x.requires_grad and "y" in self.family.discrete):
            y = y + 0 * self.theta[self.name].reshape(len(y), -1).sum(-1)[:, None, None]
        shown = self._observe(x, y)
        self._last = Pairs(x, y, *shown, *(side.to(self.context.dtype) for side in shown))
        return self._last

    def conditional(self) -> Any:
        """p(y|x) in the dtype of the run."""
        return self.family.conditional({name: value.to(self.context.dtype) for name, value in self.theta.items()})

    def log_ratio(self, x: Tensor, y: Tensor) -> Tensor:
        """The exact log ratio of the last batch, as a function of what an estimator saw of it.

        Raises:
            DivergedError: what is seen of a sample is not finite, or its derivative is not.
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
            _pulled_back(latent.detach(), shown, self._side(side), getattr(self.cells[0], "bend", "none"))
            for side, latent, shown in ((0, pairs.x, shown_x), (1, pairs.y, shown_y))
        )
        ratio = self.family.log_ratio({name: value.detach() for name, value in self.theta.items()}, left, right)
        return ratio + 0 * (left.sum(-1) + right.sum(-1))  # a graph, where the ratio is flat

    def _side(self, side: int) -> Callable[[Tensor], Tensor]:
        """What is seen of x alone or of y alone; each depends on its own side."""
        pairs = cast("Pairs", self._last)

        def seen(latent: Tensor) -> Tensor:
            given = (latent, pairs.y.detach()) if side == 0 else (pairs.x.detach(), latent)
            return self._observe(*given)[side]

        return seen


def _pulled_back(latent: Tensor, seen: Tensor, observe: Callable[[Tensor], Tensor], bend: str) -> Tensor:
    """The latent samples as a function of what is seen of them, exact to first order.

    Their derivative is the inverse of the observer's Jacobian, by pseudo-inverse where the observer embeds.

    Raises:
        DivergedError: a sample lies where the observer overflows.
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
    _refuse_overflow(latent, shown, jacobian, bend)
    return latent.detach() + (torch.linalg.pinv(jacobian) @ moved[..., None])[..., 0]


def _refuse_overflow(latent: Tensor, shown: Tensor, jacobian: Tensor, bend: str) -> None:
    lost = ~(shown.isfinite().all(-1) & jacobian.isfinite().all(-1).all(-1))
    if lost.any():
        where = "what is seen of the samples" if bend == "none" else f"bend={bend}"
        sample = f"a sample with a coordinate of {number(latent[lost].abs().max().item())}"
        raise DivergedError(f"{where} or its derivative is not finite at {sample}: leave this seed out, or bend less")
