"""Prior matching pulls a representation to the prior, and both adversaries play."""

import pytest
import torch
from mibench_dim.prior import WEIGHT, PriorMatching
from torch.nn.functional import softplus

from mibench.adam import Adam


def test_the_representation_is_pulled_to_a_uniform_one() -> None:
    generator = torch.Generator().manual_seed(0)
    y = (4 + 0.3 * torch.randn(128, 3, generator=generator)).requires_grad_()
    prior = PriorMatching(3, 1e-3, generator, y)
    adam = Adam([y], 3e-2)
    noise = torch.Generator().manual_seed(1)
    before = torch.sigmoid(y)
    for _ in range(250):
        adam.step(torch.autograd.grad(prior.loss(y), [y]))
        prior.update(y, noise)
    after = torch.sigmoid(y)
    assert (before.mean(0) > 0.95).all()
    assert ((after.mean(0) - 0.5).abs() < 0.15).all()
    assert ((after.std(0) - 12**-0.5).abs() < 0.12).all()


def test_the_discriminator_learns_to_tell() -> None:
    generator = torch.Generator().manual_seed(0)
    y = 3 + torch.randn(128, 3, generator=generator)
    prior = PriorMatching(3, 1e-3, generator, y)
    real, fake = torch.rand(128, 3, generator=generator), torch.sigmoid(y)

    def gap() -> float:
        return (prior.discriminator(real).mean() - prior.discriminator(fake).mean()).item()

    before = gap()
    for _ in range(100):
        prior.update(y, generator)
    assert gap() > before + 0.05


def test_the_encoder_pays_a_tenth_of_the_non_saturating_cost() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(16, 3, generator=generator)
    prior = PriorMatching(3, 1e-4, generator, y)
    expected = 0.1 * softplus(-prior.discriminator(torch.sigmoid(y))).mean()
    assert WEIGHT == 0.1
    assert torch.equal(prior.loss(y), expected)


def steepness() -> float:
    """Mean squared slope of a discriminator that has learnt to tell the prior from a heap at zero."""
    generator = torch.Generator().manual_seed(0)
    y = torch.full((64, 1), -8.0)
    prior = PriorMatching(1, 1e-2, generator, y)
    for _ in range(60):
        prior.update(y, generator)
    at = torch.linspace(0, 1, 101)[:, None].requires_grad_()
    (slope,) = torch.autograd.grad(prior.discriminator(at).sum(), at)
    return slope.square().mean().item()


def test_the_penalty_keeps_the_discriminator_from_being_steep(monkeypatch: pytest.MonkeyPatch) -> None:
    with_penalty = steepness()
    monkeypatch.setattr("mibench_dim.prior.PENALTY", 0.0)
    assert with_penalty < 0.1 * steepness()


def test_the_discriminator_descends_the_formula_of_the_module() -> None:
    """The gradients of its one step, with half the penalty on each of the prior's and the representation's slopes."""
    generator, noise = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    y = torch.randn(16, 3, generator=generator)
    prior = PriorMatching(3, 1e-4, generator, y)
    steps: list[list[torch.Tensor]] = []
    prior.optimiser.step = lambda gradients: steps.append(list(gradients))
    prior.update(y, noise)
    real = torch.rand(16, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    fake = torch.sigmoid(y).requires_grad_()
    at_real, at_fake = prior.discriminator(real), prior.discriminator(fake)
    slopes = [torch.autograd.grad(d.sum(), z, create_graph=True)[0] for d, z in ((at_real, real), (at_fake, fake))]
    squares = [slope.square().sum(-1).mean() for slope in slopes]
    loss = softplus(-at_real).mean() + softplus(at_fake).mean() + (squares[0] + squares[1]) / 2
    expected = torch.autograd.grad(loss, list(prior.discriminator.parameters()))
    torch.testing.assert_close(steps[0], list(expected))
