"""An encoder of one's own, trained by estimators of information, beside the information that its output has in truth.

    python examples/own_encoder.py mige infonce rsm
    python examples/own_encoder.py --decay 16 mige mige-calibrated infonce

x are 2,000 points in 16 dimensions, whose directions have falling deviations: from the first to the last by a factor of
exp(decay). z = f(x) + NOISE eps has four coordinates, each of which batch norm divides by its deviation, so that
information cannot be had by scale. It is largest where the coordinates know nothing of each other, at about 2 log(1 +
1/NOISE^2); the encoder begins with four that say nearly the same. Since x are finitely many, `exact` knows I(X;Z).
"""

import argparse
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal
from torch.nn.functional import batch_norm

import mibench

POINTS, DX, DY, NOISE, BATCH, DRAWS = 2000, 16, 4, 0.5, 100, 8
CAPACITY = DY / 2 * math.log(1 + NOISE**-2)


@dataclass(frozen=True)
class Outcome:
    """What came of a training, in nats.

    Attributes:
        before, after: the true information of z about x.
        said: the estimator's own value at the end; not a number where it has none.
    """

    before: float
    after: float
    said: float


def points(decay: float, seed: int) -> Tensor:
    """x `(POINTS, DX)`."""
    generator = torch.Generator().manual_seed(seed)
    rotation, _ = torch.linalg.qr(torch.randn(DX, DX, generator=generator))
    deviations = torch.linspace(0, -decay, DX).exp()
    return torch.randn(POINTS, DX, generator=generator) * deviations @ rotation


def make_encoder(seed: int) -> nn.Sequential:
    """f, from x to four coordinates of deviation one, which differ little."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first, last = nn.Linear(DX, 32), nn.Linear(32, DY)
    with torch.no_grad():
        last.weight.copy_(last.weight[0] + 0.2 * last.weight)
    return nn.Sequential(first, nn.Tanh(), last, nn.BatchNorm1d(DY, affine=False, track_running_stats=False))


def truth(encoder: nn.Sequential, x: Tensor, generator: torch.Generator) -> float:
    """I(X;Z) where x is uniform on the rows of a tensor, whose moments batch norm takes; the mean over draws of z."""
    with torch.no_grad():
        variance, mean = torch.var_mean(encoder[:-1](x), 0, correction=0)

    def law(x: Tensor) -> Distribution:  # by moments that are held, so that it answers for each x by itself
        return Independent(Normal(batch_norm(encoder[:-1](x), mean, variance), NOISE), 1)

    exact = mibench.probe("exact", dx=DX, dy=DY, conditional=law, population=x)
    with torch.no_grad():
        z = law(x).mean
        draws = [z + NOISE * torch.randn(z.shape, generator=generator) for _ in range(DRAWS)]
        return sum(exact.mi(x, draw).item() for draw in draws) / DRAWS


def train(selector: str, *, decay: float = 3.0, epochs: int = 10, seed: int = 0) -> Outcome:
    """Trains an encoder by an estimator."""
    x, encoder, generator = points(decay, seed), make_encoder(seed), torch.Generator().manual_seed(seed)
    information = mibench.probe(selector, dx=DX, dy=DY, seed=seed)
    optimiser = torch.optim.Adam(encoder.parameters(), 3e-3)
    before = truth(encoder, x, generator)
    for _ in range(epochs):
        for batch in x[torch.randperm(POINTS, generator=generator)].split(BATCH):
            z = encoder(batch)
            z = z + NOISE * torch.randn(z.shape, generator=generator)
            information.update(batch, z)
            optimiser.zero_grad()
            (-information.surrogate(batch, z)).backward()
            optimiser.step()
    z = encoder(x).detach()
    z = z + NOISE * torch.randn(z.shape, generator=generator)
    return Outcome(before, truth(encoder, x, generator), value(information, x[:BATCH], z[:BATCH]))


def value(information: mibench.Estimator, x: Tensor, z: Tensor) -> float:
    """What an estimator says itself; not a number where it estimates the gradient alone."""
    try:
        return information.mi(x, z).item()
    except NotImplementedError:
        return math.nan


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("estimators", nargs="*", default=["mige", "infonce", "rsm"])
    parser.add_argument("--decay", type=float, default=3.0)
    asked = parser.parse_args()
    print(f"I(X;Z) in nats, at most about {CAPACITY:.2f}")
    for name in asked.estimators:
        outcome = train(name, decay=asked.decay)
        print(f"{name}: {outcome.before:.2f} before, {outcome.after:.2f} after, by its own value {outcome.said:.2f}")
