"""p(y|x) of samples that are not finite: NaN in their replica, where an error would take all replicas down."""

import copy
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from mibench.finite import finite_factor, finite_replicas
from mibench.text import with_article

Answer = TypeVar("Answer", Tensor, Distribution)


def lenient(conditional: Callable[[Tensor], Distribution], dy: int) -> Callable[[Tensor], Distribution]:
    """The same p(y|x), which is NaN in replicas where x or y is not finite.

    Parameters that are NaN at finite x, as those of an encoder that has diverged, are taken as they are. Where all is
    finite, `conditional` is asked once, of x itself, and what it gives is changed by no bit.

    Args:
        conditional: from x `(*replicas, n, dx)` to a distribution, which may refuse what is not finite.
        dy: coordinates of y.

    Returns:
        A function, since checkpoints keep the tensors of an estimator, and those of `conditional` are not its own. It
        raises `TypeError` where `conditional` gives no distribution, and `ValueError` where it is not of y for each x.
    """

    def of(x: Float[Tensor, "*replicas n dx"]) -> Distribution:
        law = _of_each(_ask(conditional, x, _has_nan), x, dy)
        factor = finite_factor(x)
        given = copy.copy(law) if factor is None else _times(law, factor, x.shape[-2])
        vars(given)["log_prob"] = partial(_log_prob, law, factor)
        return given

    return of


def normal_coordinates(law: Distribution) -> Normal | None:
    """The normal distributions of the coordinates, if a distribution consists of these.

    Types count exactly, since a subclass may have a density of its own.
    """
    base = law.base_dist if type(law) is Independent else None
    return base if type(base) is Normal else None


def _of_each(law: Any, x: Tensor, dy: int) -> Distribution:
    """A distribution of y for each x; of coordinates with a density each, it is that of all of them."""
    if not isinstance(law, Distribution):
        raise TypeError(f"p(y|x) is a torch.distributions.Distribution, not {with_article(type(law).__name__)}")
    batch, event = tuple(law.batch_shape), tuple(law.event_shape)
    if (batch, event) == ((*x.shape[:-1], dy), ()):
        return Independent(law, 1)
    if (batch, event) != (tuple(x.shape[:-1]), (dy,)):
        raise ValueError(
            f"p(y|x) of x {tuple(x.shape)} and y of {dy} has batch_shape {tuple(x.shape[:-1])} "
            f"and event_shape ({dy},), not {batch} and {event}"
        )
    return law


def _log_prob(law: Distribution, of_x: Float[Tensor, "*replicas"] | None, y: Tensor) -> Tensor:
    """The log density of y, which may have axes before those of x."""
    given = _ask(law.log_prob, y, lambda _: _has_nan(law))
    for factor in (of_x, finite_factor(y)):
        if factor is not None:
            given = given * factor[..., None].to(given.dtype)
    return given


def _ask(question: Callable[[Tensor], Answer], samples: Tensor, has_nan: Callable[[Answer], bool]) -> Answer:
    """What is answered of samples; after an error, of zeros where they are not finite, and without torch's checks.

    Args:
        question: a conditional, or the `log_prob` of what it gave.
        samples: what is asked of.
        has_nan: whether NaN in the parameters of p(y|x) is what an error was about, if all samples are finite.
    """
    try:
        return question(samples)
    except Exception as error:
        finite = bool(samples.isfinite().all())
        if finite and not isinstance(error, ValueError):
            raise
        try:
            with _without_checks():
                answer = question(samples if finite else _zeros_for_nan(samples))
        except Exception:  # noqa: BLE001 - the first error is the one of what was asked
            raise error from None
        if finite and not has_nan(answer):
            raise
        return answer


def _zeros_for_nan(samples: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """Zeros in place of replicas that are not finite, to which their gradients, which are NaN, go nonetheless."""
    whole = torch.where(finite_replicas(samples)[..., None, None], samples.detach(), 0.0)
    return _Instead.apply(samples, whole)


class _Instead(torch.autograd.Function):
    """One tensor in place of another, which has its gradient."""

    @staticmethod
    def forward(ctx: Any, samples: Tensor, whole: Tensor) -> Tensor:  # noqa: ARG004
        return whole.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return gradients[0], None


@contextmanager
def _without_checks() -> Generator[None]:
    """Distributions take any numbers, unless they were made to check theirs."""
    checks = vars(Distribution)["_validate_args"]
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(checks)


def _times(law: Distribution, factor: Float[Tensor, "*replicas"], n: int) -> Distribution:
    """The same distribution, with every parameter that has the axes `(*replicas, n)` times a factor."""
    given = copy.copy(law)
    for name, value in vars(law).items():
        if isinstance(value, Distribution):
            vars(given)[name] = _times(value, factor, n)
        elif isinstance(value, Tensor) and value.is_floating_point():
            axes = value.shape[: factor.ndim + 1]
            if axes == (*factor.shape, n):
                behind = (1,) * (value.ndim - factor.ndim)
                vars(given)[name] = value * factor.reshape(factor.shape + behind).to(value.dtype)
    return given


def _has_nan(law: Distribution) -> bool:
    """Whether a parameter is NaN somewhere."""
    return any(
        _has_nan(value) if isinstance(value, Distribution) else isinstance(value, Tensor) and bool(value.isnan().any())
        for value in vars(law).values()
    )
