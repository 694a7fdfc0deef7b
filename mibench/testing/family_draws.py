"""What holds of a family's random numbers: they come from `draws` alone, each replica's from its own generator.

A trial is found again by its key and shares a program with others (`--batch`): its pairs must be the same each time.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mibench.compositions import Composed
from mibench.errors import ContractError
from mibench.families import Draws, Family, Theta
from mibench.testing.family_tools import Effort, Finding, direction_of, made_again, step_of
from mibench.testing.kit import expect_equal
from mibench.testing.process import expect_global_state_kept
from mibench.testing.subject import Numbers, Watch, unwatched

_N, _REPLICAS = 32, 3
_ROUNDING = 1e-6


def draws(family: Family, effort: Effort) -> Iterator[Finding]:
    """A replica's numbers follow from its own draws and from nothing else; only the first fault is said."""
    for name, check, held in (
        ("global state", _keep_global_state, "no generator of the process is drawn from or seeded"),
        ("determinism", _be_determined, "the same draws give the same pairs"),
        ("replicas", _leave_replicas_apart, "each replica's pairs and log ratios are those that it has alone"),
    ):
        try:
            check(family, effort.seed)
        except ContractError as error:
            yield Finding(name, False, str(error))
            return
        yield Finding(name, True, held)


def package_of(family: Family) -> str:
    """The top-level module of the author's files."""
    while isinstance(family, Composed):
        family = family.inner
    return type(family).__module__.partition(".")[0]


def _keep_global_state(family: Family, seed: int) -> None:
    def live(watch: Watch) -> Numbers:
        with watch("__init__"):
            again = made_again(family)
        with torch.no_grad(), watch("information"):
            information = again.information(again.at(torch.float64))
        return _life(again, seed, watch=watch) | {"information": information}

    expect_global_state_kept(live, package_of(family), remedy="draw from `draws` in `sample`")


def _be_determined(family: Family, seed: int) -> None:
    first, second = (_life(made_again(family), seed) for _ in range(2))
    expect_equal(second, first, "the same draws to give the same numbers, to the last bit: draw from `draws` alone")
    third = _life(family, seed)
    expect_equal(_life(family, seed), third, "a family to give the same numbers of the same draws, however often asked")


def _leave_replicas_apart(family: Family, seed: int) -> None:
    each = [_moved(family, shift) for shift in (0.0, 1.0, -1.0)]
    theta = {name: torch.stack([one[name] for one in each]) for name in family.theta}
    whole = _life(family, seed, theta, (_REPLICAS,))
    for k, one in enumerate(each):
        expect_equal(
            {name: tensor[k] for name, tensor in whole.items()},
            _life(family, seed + k, one),
            "each replica to have the numbers that it has alone: draw from `draws`, whose numbers have the axes of "
            "replicas, and reduce over the last two axes only",
            relative=_ROUNDING,
        )


def _life(
    family: Family,
    seed: int,
    theta: Theta | None = None,
    replicas: tuple[int, ...] = (),
    *,
    watch: Watch = unwatched,
) -> Numbers:
    """Pairs of a family, what is seen of them, and their log ratios."""
    theta, drawn = family.at(torch.float64) if theta is None else theta, Draws.seeded(seed, replicas)
    with torch.no_grad():
        with watch("observer"):
            observe = family.observer(drawn)
        with watch("sample"):
            x, y = family.sample(theta, _N, drawn)
        seen_x, seen_y = observe(x, y)
        with watch("log_ratio"):
            ratio = family.log_ratio(theta, x, y)
    return {"x": x, "y": y, "seen x": seen_x, "seen y": seen_y, "log ratio": ratio}


def _moved(family: Family, shift: float) -> dict[str, Tensor]:
    """The family's theta, each value as far away as finite differences reach."""
    own = family.at(torch.float64)
    return {name: value + shift * step_of(value) * direction_of(value) for name, value in own.items()}
