"""Claims about the radius of a block in the margin score, and about what tells that a batch is not Gaussian."""

import torch
from mibench_ratio import FitOptions, margin_score
from mibench_ratio.normality import evidence_against_joint_normality
from mibench_ratio.radius import log_radius, radius_features
from mibench_ratio.spectra import Spectra, spectra
from ratio_cases import correlated, crossed, generator, normal
from torch import Tensor
from torch.testing import assert_close


def heavy(n: int, d: int, seed: int, nu: float = 4.0) -> tuple[Tensor, Tensor]:
    """Student's t in d dimensions, and its score."""
    rate = torch.full((n, 1), nu / 2, dtype=torch.float64)
    y = normal(n, d, seed=seed) * (nu / 2 / torch._standard_gamma(rate, generator=generator(seed + 1))).sqrt()
    return y, -(nu + d) * y / (nu + y.square().sum(-1, keepdim=True))


def test_derivatives_of_the_features_are_those_of_autograd() -> None:
    y = normal(12, 3) @ normal(3, 3, seed=1)
    y = (y - y.mean(0)).requires_grad_()
    (spectrum,) = spectra(y.detach())
    radius = radius_features(y.detach(), spectrum)
    sizes = (16 * (radius.slopes[0, :16].square() + radius.slopes[0, 16:].square())).sqrt()
    ascending = torch.cat([-sizes[:8], sizes[8:]])
    t = log_radius(y, spectrum.inverse(1e-10))[0]
    angles = (t - t.detach().mean())[:, None] * ascending
    features = torch.cat([angles.cos(), angles.sin()], 1) / 4
    rows, moments = radius.features(slice(None)), radius.moments().mT
    for j in range(features.shape[1]):
        (first,) = torch.autograd.grad(features[:, j].sum(), y, create_graph=True)
        assert_close(first.mT, rows[..., j])
        second = [torch.autograd.grad(first[:, k].sum(), y, retain_graph=True)[0][:, k].mean() for k in range(3)]
        assert_close(torch.stack(second), moments[:, j])


def test_the_radius_is_that_of_the_block_however_its_coordinates_are_mixed() -> None:
    y, mixing = normal(50, 4).exp(), normal(4, 4, seed=1)
    radii = []
    for block in (y, y @ mixing):
        centred = block - block.mean(0)
        (spectrum,) = spectra(centred)
        radii.append(log_radius(centred, spectrum.inverse(1e-10))[0])
    assert_close(*radii)


def test_in_ten_dimensions_the_score_of_an_elliptical_density_is_found_better_through_its_radius() -> None:
    def error(options: FitOptions) -> float:
        errors = []
        for seed in range(6):
            y, exact = heavy(256, 10, seed)
            flow = y * torch.log1p(y.square().sum(-1, keepdim=True) / 10)
            errors.append(((margin_score(y, options) - exact) * flow).sum(-1).mean())
        return torch.stack(errors).square().mean().sqrt().item()

    errors = [error(FitOptions(score_radius_weight=weight)) for weight in (0.0, 1.0, 10.0)]
    assert errors[1] < 0.85 * errors[0]
    assert errors[2] < 0.5 * errors[0]


def evidence(x: Tensor, y: Tensor) -> Tensor:
    x, y = ((block - block.mean(-2, keepdim=True)) / block.std(-2, keepdim=True) for block in (x, y))
    return evidence_against_joint_normality(x, y, Spectra.of(x, y))


def test_dependence_of_squares_is_evidence_against_normality_though_margins_are_normal() -> None:
    for d in (1, 5):
        cases = [crossed(256, d, seed, r=0.5) for seed in range(60)]
        found = evidence(torch.stack([case.x for case in cases]), torch.stack([case.y for case in cases]))
        assert (found > 2.5).double().mean() > 0.75


def test_gaussian_batches_seldom_show_evidence_against_normality() -> None:
    for d in (1, 10):
        cases = [correlated(256, d, seed) for seed in range(200)]
        found = evidence(torch.stack([case.x for case in cases]), torch.stack([case.y for case in cases]))
        assert (found > 2.5).double().mean() < 0.13
