"""The mixture's density and score are those of torch's distributions, also where components are narrow, many or own."""

import math

import pytest
import torch
from mibench_population import mixture
from mibench_population.mixture import Normals, log_ratio, mixture_density, own_density
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.testing import assert_close

N, D = 500, 6


def components(*replicas: int, width: float = 0.5, seed: int = 0) -> Normals:
    draw = torch.Generator().manual_seed(seed)
    mean = torch.randn(*replicas, N, D, generator=draw, dtype=torch.float64) + 3
    return Normals(mean, width * (0.5 + torch.rand(mean.shape, generator=draw, dtype=torch.float64)))


def samples(of: Normals, n: int = 40) -> Tensor:
    mean, std = of.mean[..., :n, :], of.std[..., :n, :]
    return mean + std * torch.randn(mean.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def brute_force(of: Normals, y: Tensor) -> tuple[Tensor, Tensor]:
    y = y.clone().requires_grad_()
    parts = Independent(Normal(of.mean, of.std), 1)
    log = MixtureSameFamily(Categorical(torch.ones(len(of), dtype=y.dtype)), parts).log_prob(y)
    return log.detach(), torch.autograd.grad(log.sum(), y)[0]


@pytest.mark.parametrize("width", [1e-6, 0.05, 0.5, 5.0])
def test_density_and_score_are_those_of_the_mixture(width: float) -> None:
    of = components(width=width)
    y = samples(of)
    log, score = brute_force(of, y)
    density = mixture_density(of, y)
    assert_close(density.log, log)
    assert_close(density.score, score, rtol=1e-6, atol=1e-6 / width)


@pytest.mark.parametrize("width", [1e-3, 0.05, 0.5])
def test_single_precision_keeps_the_density_where_components_are_narrow(width: float) -> None:
    of = components(width=width)
    y = samples(of)
    single = Normals(of.mean.float(), of.std.float())
    exact = Normals(single.mean.double(), single.std.double())
    log, _ = brute_force(exact, y.float().double())
    assert_close(mixture_density(single, y.float()).log.double(), log, rtol=1e-4, atol=1e-3)


def clustered(d: int, apart: float, std: float, within: float, seed: int = 0) -> Normals:
    """Ten clusters of components that overlap, of unequal noise."""
    draws = torch.Generator().manual_seed(seed)
    centres, inside = (torch.randn(count, d, generator=draws, dtype=torch.float64) for count in (10, 800))
    members = torch.randint(10, (800,), generator=draws)
    noise = std * (1 + torch.rand(800, 1, generator=draws, dtype=torch.float64)).expand(-1, d)
    return Normals((apart * centres[members] + within * inside).float().double(), noise.float().double())


@pytest.mark.parametrize(
    ("d", "apart", "std", "within"),
    [(1, 300.0, 0.01, 0.02), (3, 100.0, 0.01, 0.01), (40, 20.0, 0.02, 0.006), (200, 5.0, 0.01, 0.002)],
)
def test_single_precision_keeps_the_density_in_tight_clusters_far_apart(
    d: int, apart: float, std: float, within: float
) -> None:
    of = clustered(d, apart, std, within)
    y, single = samples(of, 60).float(), Normals(of.mean.float(), of.std.float())
    present = torch.arange(800) % 3 > 0
    there = Normals(of.mean[present], of.std[present])
    for found, expected in [
        (mixture_density(single, y), brute_force(of, y.double())),
        (mixture_density(single, y, present=present), brute_force(there, y.double())),
    ]:
        assert (found.log - expected[0]).abs().max() < 0.01
        assert (found.score - expected[1]).norm() < 0.01 * expected[1].norm()
    left = mixture_density(single, y, torch.arange(60))
    for i in (0, 59):
        others = torch.arange(800) != i
        log, score = brute_force(Normals(of.mean[others], of.std[others]), y[i : i + 1].double())
        assert left.log[i].item() == pytest.approx(log.item(), abs=0.01)
        assert (left.score[i] - score[0]).norm() < 0.01 * score.norm()


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    of = components()
    y, without = samples(of), torch.arange(40) * 7 - 1
    whole = mixture_density(of, y, without)
    monkeypatch.setattr(mixture, "_CHUNK", 33)
    parts = mixture_density(of, y, without)
    assert_close(parts.log, whole.log)
    assert_close(parts.score, whole.score)


def test_a_component_that_is_left_out_has_no_part_in_the_mixture() -> None:
    of = components()
    y = samples(of)
    density = mixture_density(of, y, torch.arange(40))
    for i in range(40):
        rest = Normals(torch.cat([of.mean[:i], of.mean[i + 1 :]]), torch.cat([of.std[:i], of.std[i + 1 :]]))
        log, score = brute_force(rest, y[i : i + 1])
        assert_close(density.log[i : i + 1], log)
        assert_close(density.score[i : i + 1], score)


def test_the_own_component_and_the_others_join_to_the_whole() -> None:
    of = components()
    y = samples(of)
    own = own_density(Normals(of.mean[:40], of.std[:40]), y)
    joined = mixture_density(of, y, torch.arange(40)).joined(own, 1 / N)
    whole = mixture_density(of, y)
    assert_close(joined.log, whole.log)
    assert_close(joined.score, whole.score)


@pytest.mark.parametrize("centre", [0.0, 1e2, 1e4])
@pytest.mark.parametrize("width", [1e-2, 1e-1, 1.0])
def test_single_precision_keeps_the_score_far_from_zero(centre: float, width: float) -> None:
    of = components(width=width)
    single = Normals((of.mean + centre).float(), of.std.float())
    y = samples(Normals(single.mean.double(), single.std.double())).float()
    _, score = brute_force(Normals(single.mean.double(), single.std.double()), y.double())
    assert_close(mixture_density(single, y).score.double(), score, rtol=0, atol=1e-5 * score.abs().max().item())


@pytest.mark.parametrize("width", [1e-5, 1e-3])
@pytest.mark.parametrize("times", [2, 30])
def test_copies_of_one_component_are_that_component_in_single_precision(width: float, times: int) -> None:
    of = components(width=width)
    repeated = Normals(of.mean[:10].float().repeat(times, 1), of.std[:10].float().repeat(times, 1))
    y, own = samples(of, 10).float(), Normals(repeated.mean[:10], repeated.std[:10])
    once = mixture_density(Normals(own.mean, own.std), y)
    for found in (mixture_density(repeated, y), mixture_density(repeated, y, torch.arange(10))):
        assert_close(found.score, once.score, rtol=0, atol=1e-6 / width)


@pytest.mark.parametrize("share", [0.0, 1e-3, 0.25, 1.0])
def test_the_log_ratio_is_that_of_the_own_component_and_the_mixture_with_it(share: float) -> None:
    of = components()
    y, own = samples(of), own_density(Normals(of.mean[:40], of.std[:40]), samples(of))
    others = mixture_density(of, y, torch.arange(40))
    margin = others.joined(own, share) if share else others
    for given in (share, torch.full((40,), share, dtype=y.dtype)):
        ratio = log_ratio(own, others, given)
        assert_close(ratio.log, own.log - margin.log)
        assert_close(ratio.score, own.score - margin.score)


def test_a_log_ratio_keeps_its_digits_where_y_tells_its_component() -> None:
    of = components(width=0.05)
    y = samples(of)
    double = log_ratio(
        own_density(Normals(of.mean[:40], of.std[:40]), y), mixture_density(of, y, torch.arange(40)), 1 / N
    )
    single = Normals(of.mean.float(), of.std.float())
    own = own_density(Normals(single.mean[:40], single.std[:40]), y.float())
    found = log_ratio(own, mixture_density(single, y.float(), torch.arange(40)), 1 / N)
    told = double.score.norm(dim=-1) < 1e-6 / 0.05
    assert told.sum() > 5
    assert_close(found.score[told].double(), double.score[told], rtol=1e-2, atol=1e-37)


def test_replicas_have_the_numbers_that_they_have_alone() -> None:
    of = components(2, 3)
    y, without = samples(of), torch.arange(40).expand(2, 3, 40)
    together = mixture_density(of, y, without)
    for i in range(2):
        for j in range(3):
            alone = mixture_density(Normals(of.mean[i, j], of.std[i, j]), y[i, j], without[i, j])
            assert_close(together.log[i, j], alone.log)
            assert_close(together.score[i, j], alone.score)


def test_a_mixture_of_nothing_has_no_density() -> None:
    of = components()
    one = Normals(of.mean[:1], of.std[:1])
    density = mixture_density(one, samples(of, 1), torch.zeros(1, dtype=torch.long))
    assert density.log.item() == -math.inf
    assert density.score.isfinite().all()
