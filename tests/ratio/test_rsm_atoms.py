"""Atoms of x: missing values, zeros of a code and values at a limit are told from those beside them."""

import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.atoms import atoms, marked
from ratio_cases import normal
from torch import Tensor
from torch.testing import assert_close

PLAIN = FitOptions(atoms="none")


def _missing(n: int, d: int, seed: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """x with three tenths of its values 0 for missing; y = x + s e of all of them, s = .5; e; and the exact dI/ds."""
    x, noise = normal(2, n, d, seed=seed)
    lost = torch.rand(n, d, generator=torch.Generator().manual_seed(seed + 100)) < 0.3
    return x.where(~lost, 0.0), x + 0.5 * noise, noise, -0.7 * d * (1 / 0.5 - 0.5 / 1.25)


def test_values_that_many_samples_share_are_atoms_and_those_of_discrete_coordinates_are_none() -> None:
    x = normal(200, 5)
    x[:60, 0] = 0.0
    x[:, 1] = x[:, 1].clamp(max=1.0)
    x[:, 2] = x[:, 2].sign()
    x[:5, 3] = 2.0
    y = normal(200, 1, seed=1)
    at = atoms(x, y, FitOptions())
    assert at is not None
    assert_close(at, torch.tensor([[0.0, 1.0, torch.nan, torch.nan, torch.nan]]).double(), equal_nan=True)
    assert (marked(x, at)[:, 5:].sum(0) == torch.tensor([60, (x[:, 1] == 1).sum(), 0, 0, 0])).all()
    for none in (atoms(x, y, PLAIN), atoms(x[:80], y[:80], FitOptions()), atoms(normal(200, 5), y, FitOptions())):
        assert none is None


def test_missing_values_are_told_from_those_beside_them() -> None:
    errors = []
    for seed in range(6):
        x, y, noise, truth = _missing(256, 3, seed)
        found = [(ratio_gradient(x, y, how) * noise).sum(-1).mean() / truth - 1 for how in (FitOptions(), PLAIN)]
        errors.append([error.square() for error in found])
    told, plain = torch.tensor(errors).mean(0).sqrt()
    assert told < 0.12
    assert told < plain / 1.5


def test_a_fit_is_its_gradient_at_the_samples_and_replicas_have_atoms_of_their_own() -> None:
    x, y, *_ = _missing(120, 2, 0)
    fit = ratio_fit(x, y)
    assert_close(fit.at(x.clone(), y.clone()), fit.gradient, rtol=1e-6, atol=1e-6)
    whole, beside = normal(2, 120, 2, seed=5)
    together = ratio_gradient(torch.stack([x, whole]), torch.stack([y, beside]))
    assert_close(together[0], fit.gradient, rtol=1e-6, atol=1e-8)
    assert_close(together[1], ratio_gradient(whole, beside), rtol=1e-6, atol=1e-8)


def test_atoms_do_not_depend_on_the_unit_or_the_precision() -> None:
    x, y, *_ = _missing(150, 1, 3)
    expected = ratio_gradient(x, y)
    assert_close(ratio_gradient(7 - 1e3 * x, y), expected, rtol=1e-5, atol=1e-6)
    assert_close(ratio_gradient(x.float(), y.float()).double(), expected, rtol=1e-3, atol=1e-3)
