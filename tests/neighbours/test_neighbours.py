"""Claims about nearest neighbours: definitions, what independent libraries give, known values, bad samples."""

import math
from collections.abc import Callable

import mibench_neighbours.distances as ways
import numpy as np
import pytest
import torch
from mibench_families.gamma_exponential import GammaExponential
from mibench_families.ring import Ring
from mibench_families.symmetric_channel import SymmetricChannel
from mibench_families.x_mixture import XMixture
from mibench_families.zero_inflated_poisson import ZeroInflatedPoisson
from mibench_neighbours import bitsets
from mibench_neighbours.distances import below, nearest, nearest_among, within
from mibench_neighbours.divergence import Divergence, DivergenceParams, cycle, divergence_mi
from mibench_neighbours.entropies import EntropiesParams, entropies_mi
from mibench_neighbours.ksg import KSG, KSGParams, ksg
from mibench_neighbours.mixed import MixedParams, ksg_mixed
from sample_cases import correlated, drawn, normal
from torch import Tensor
from torch.testing import assert_close

import mibench
from mibench.errors import UnfitError
from mibench.families import Family

BY_NEIGHBOURS = {
    "ksg": ksg,
    "ksg, variant 2": lambda x, y: ksg(x, y, KSGParams(variant=2)),
    "ksg-mixed": ksg_mixed,
    "kl": entropies_mi,
    "knn-kl": lambda x, y: divergence_mi(x, y, cycle(x.shape[-2], torch.Generator().manual_seed(0))),
}
WITH_DENSITIES = ("ksg", "ksg, variant 2", "kl", "knn-kl")
every_estimator = pytest.mark.parametrize("name", BY_NEIGHBOURS)
every_way = pytest.mark.parametrize("way", ["_TREE", "_RANKS", "_BITSETS", "all distances", "as chosen"])


def force(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    never, always = 10**9, 0
    if way != "as chosen":
        for name in ("_TREE", "_RANKS", "_BITSETS"):
            monkeypatch.setattr(ways, name, always if way == name else never)


def distances(z: Tensor) -> Tensor:
    return (z[..., :, None, :] - z[..., None, :, :]).abs().amax(-1)


@every_way
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_way_finds_and_counts_what_written_out_distances_say(
    way: str, ties: bool, d: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(way, monkeypatch)
    z = normal(2, 150, d)
    z = (4 * z).round() / 3 if ties else z
    ordered = distances(z).sort(-1).values
    neighbours = nearest(z, 4)
    assert neighbours.distances.equal(ordered[..., 1:5])
    assert distances(z).gather(-1, neighbours.indices).equal(neighbours.distances)
    assert not (neighbours.indices == torch.arange(150)[:, None]).any() or ties
    others = normal(2, 40, d, seed=1)
    to_others = (others[..., :, None, :] - z[..., None, :, :]).abs().amax(-1)
    assert nearest_among(z, others, 3).distances.equal(to_others.sort(-1).values[..., :3])
    for radius in (ordered[..., 7], below(ordered[..., 7]), below(torch.zeros(2, 150).double())):
        counts = (distances(z) <= radius[..., None]).sum(-1)
        assert within(z, radius).equal((counts - 1).clamp_min(0))


@pytest.mark.parametrize("way", ["_RANKS", "_BITSETS"])
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(
    "spread",
    {
        "ties": lambda z: (2 * z).round(),
        "magnitudes": lambda z: (40 * z).exp(),
        "what rounds away": lambda z: z.sign() + 1e-17 * z,
        "overflow": lambda z: 1e308 * z.tanh(),
        "underflow": lambda z: 1e-310 * z,
        "constant": lambda z: 0 * z + 0.1,
    }.items(),
    ids=lambda named: named[0],
)
def test_counts_are_right_to_the_last_bit_on_any_scale(
    way: str, d: int, spread: tuple[str, Callable[[Tensor], Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every radius is a distance, or the next smaller number: a sum of centre and radius is off by its rounding."""
    force(way, monkeypatch)
    monkeypatch.setattr(bitsets, "_BLOCK", 70)
    monkeypatch.setattr(bitsets, "_WORDS", 200)
    z = spread[1](normal(3, 150, d))
    apart = distances(z)
    for place in (1, 40, 149):
        at = apart.sort(-1).values[..., place]
        for radius in (at, below(at)):
            assert within(z, radius).equal(((apart <= radius[..., None]).sum(-1) - 1).clamp_min(0))


@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize(("dx", "dy", "k"), [(1, 1, 1), (2, 1, 3), (3, 4, 5)])
def test_ksg_is_the_formula_of_its_paper(variant: int, dx: int, dy: int, k: int) -> None:
    n, x, y = 90, normal(90, dx), normal(90, dy, seed=1) + normal(90, dx).sum(-1, keepdim=True)
    of = [distances(z / z.std(0, correction=0)) for z in (x, y)]
    joint = torch.maximum(*of) + torch.diag(torch.full((n,), math.inf))
    near = joint.topk(k, largest=False)
    total = torch.zeros(n).double()
    for z in of:
        if variant == 1:
            total += ((z < near.values[:, -1:]).sum(-1)).double().digamma()
        else:
            total += ((z <= z.gather(1, near.indices).amax(1, keepdim=True)).sum(-1) - 1).double().digamma()
    psi_k, psi_n = torch.tensor([k, n]).double().digamma()
    expected = psi_k + psi_n - (variant - 1) / k - total.mean()
    assert_close(ksg(x, y, KSGParams(variant=variant, k=k)), expected, rtol=1e-12, atol=1e-12)


def test_scikit_learn_gives_the_same_as_ksg() -> None:
    selection = pytest.importorskip("sklearn.feature_selection", reason="scikit-learn is not installed")
    for seed in range(3):
        x, y = correlated(400, 1, seed=seed)
        (theirs,) = selection.mutual_info_regression(x.numpy(), y[:, 0].numpy(), n_neighbors=3, random_state=0)
        assert ksg(x, y).item() == pytest.approx(theirs, abs=1e-8)


def test_infomeasure_gives_the_same_as_ksg() -> None:
    infomeasure = pytest.importorskip("infomeasure", reason="infomeasure is not installed")
    x, y = correlated(200, 2)
    theirs = infomeasure.mutual_information(x.numpy(), y.numpy(), approach="ksg", k=4, noise_level=0)
    assert ksg(x, y, KSGParams(k=4, scale=False)).item() == pytest.approx(theirs, abs=1e-9)


def test_infomeasure_gives_the_same_entropies_as_kl() -> None:
    infomeasure = pytest.importorskip("infomeasure", reason="infomeasure is not installed")
    x, y = correlated(200, 2)
    of_x, of_y, both = (
        infomeasure.entropy(z.numpy(), approach="metric", k=3, noise_level=0) for z in (x, y, torch.cat([x, y], -1))
    )
    ours = entropies_mi(x, y, EntropiesParams(scale=False)).item()
    assert ours == pytest.approx(of_x + of_y - both, abs=1e-9)


def test_ennemi_gives_the_same_as_ksg() -> None:
    ennemi = pytest.importorskip("ennemi", reason="ennemi is not installed")
    x, y = correlated(300, 1)
    theirs = ennemi.estimate_mi(y[:, 0].numpy(), x[:, 0].numpy(), k=3, preprocess=False)
    assert ksg(x, y, KSGParams(scale=False)).item() == pytest.approx(
        float(theirs[0, 0]), abs=2e-6
    )  # its digamma is an approximation


def test_a_copy_counts_in_the_dimension_by_which_the_divergence_is_multiplied() -> None:
    draw = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 300, 1, generator=draw, dtype=torch.float64)
    partner, bias = cycle(300, draw), math.log(298 / 299)
    value, of_copies = (divergence_mi(block, x + noise, partner) for block in (x, torch.cat([x, 2 * x + 1], -1)))
    assert_close(of_copies - bias, (value - bias) * 3 / 2)


def test_the_divergence_is_that_of_distances_written_out() -> None:
    (x, y), order = correlated(80, 2), cycle(80, torch.Generator().manual_seed(3))
    pairs, shuffled = torch.cat([x, y], -1), torch.cat([x, y[order]], -1)
    r = distances(pairs).sort(-1).values[:, 3]
    to_shuffled = (pairs[:, None] - shuffled[None]).abs().amax(-1)
    to_shuffled[(x[:, None] == x[None]).all(-1) | (y[:, None] == y[order][None]).all(-1)] = math.inf
    s = to_shuffled.sort(-1).values[:, 2]
    expected = 4 * (s / r).log().mean() + math.log(78 / 79)
    assert_close(divergence_mi(x, y, order, DivergenceParams(scale=False)), expected)


def test_a_cycle_leaves_none_in_its_place() -> None:
    generator = torch.Generator().manual_seed(0)
    for n in (2, 3, 10, 101):
        order = cycle(n, generator)
        assert order.sort().values.equal(torch.arange(n))
        assert (order != torch.arange(n)).all()


@every_estimator
def test_gaussians_are_near_the_truth(name: str) -> None:
    x, y = correlated(8, 1000, 1)
    values = BY_NEIGHBOURS[name](x, y)
    assert values.mean().item() == pytest.approx(-math.log(1 - 0.36) / 2, abs=4 * values.std().item() / 8**0.5)


@pytest.mark.parametrize(("kind", "params"), [(GammaExponential, {}), (XMixture, {"r": 0.8}), (Ring, {"kappa": 2.0})])
@pytest.mark.parametrize("name", ["ksg", "ksg, variant 2", "ksg-mixed"])
def test_families_are_near_the_truth(name: str, kind: type[Family], params: dict[str, float]) -> None:
    x, y, truth = drawn(kind, 2000, 6, **params)
    assert BY_NEIGHBOURS[name](x, y).mean().item() == pytest.approx(truth, abs=0.05)


@pytest.mark.parametrize("kind", [ZeroInflatedPoisson, SymmetricChannel])
def test_discrete_and_mixed_families_are_near_the_truth_by_the_mixed_estimator(kind: type[Family]) -> None:
    x, y, truth = drawn(kind, 3000, 4)
    assert ksg_mixed(x, y).mean().item() == pytest.approx(truth, abs=0.03)


def test_units_of_measurement_change_nothing_where_they_are_scaled() -> None:
    x, y = correlated(300, 2)
    assert_close(ksg(x * torch.tensor([1e3, 1e-3]), y + 5), ksg(x, y))
    assert abs(ksg(x * 1e3, y, KSGParams(scale=False)) - ksg(x, y)) > 0.01


@pytest.mark.parametrize("name", [*WITH_DENSITIES, "ksg-mixed, scaled"])
def test_no_scale_is_too_large_or_too_small_where_samples_are_scaled(name: str) -> None:
    scaled = {**BY_NEIGHBOURS, "ksg-mixed, scaled": lambda x, y: ksg_mixed(x, y, MixedParams(scale=True))}[name]
    x, y = correlated(100, 2)
    for exponent in (530, 660, 960, -530, -660, -900):  # of two, or rounding makes other neighbours
        scale = 2.0**exponent
        for of_x, of_y in ((scale, scale), (scale, 1.0), (1.0, scale), (scale, 1 / scale)):
            assert torch.equal(scaled(of_x * x, of_y * y), scaled(x, y))


@every_estimator
def test_a_replica_that_is_not_finite_is_nan_and_no_other(name: str) -> None:
    x, y = correlated(3, 200, 1)
    whole = BY_NEIGHBOURS[name](x, y)
    x[1, 7, 0] = math.nan
    hurt = BY_NEIGHBOURS[name](x, y)
    assert hurt.isnan().tolist() == [False, True, False]
    assert hurt[[0, 2]].equal(whole[[0, 2]])


@every_estimator
def test_a_constant_says_nothing(name: str) -> None:
    x, y = correlated(400, 1)
    values = BY_NEIGHBOURS[name](torch.full_like(x, 0.1), y)
    assert values.item() == pytest.approx(0, abs=0.01)
    wider = BY_NEIGHBOURS[name](torch.cat([x, torch.full_like(x, 0.1)], -1), y)
    assert_close(wider, BY_NEIGHBOURS[name](x, y))


def test_atoms_have_the_information_of_their_table() -> None:
    """A fair coin, seen by one that shows the other side once in five."""
    generator = torch.Generator().manual_seed(0)
    coin = torch.randint(2, (4, 1000, 1), generator=generator).double()
    other = (coin + (torch.rand(coin.shape, generator=generator) < 0.2)) % 2
    truth = math.log(2) + 0.8 * math.log(0.8) + 0.2 * math.log(0.2)
    assert ksg_mixed(coin, other).mean().item() == pytest.approx(truth, abs=0.03)
    assert ksg_mixed(coin, coin).mean().item() == pytest.approx(math.log(2), abs=0.01)


def test_the_mixed_estimator_is_that_of_trees_written_out() -> None:
    """Two thirds of the pairs lie on atoms, and one has both."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randint(3, (120, 1), generator=generator).double()
    y = torch.where(x > 0, x, torch.rand(120, 1, generator=generator).double())
    n, of = 120, [distances(z) for z in (x, y)]
    joint = torch.maximum(*of)
    e = joint.sort(-1).values[:, 3:4]
    inside = [torch.where(e > 0, z < e, z == 0).sum(-1).double().digamma() for z in of]
    pairs = torch.where(e[:, 0] > 0, 3, (joint == 0).sum(-1)).double().digamma()
    assert_close(ksg_mixed(x, y), (pairs + math.log(n) - inside[0] - inside[1]).mean())


@pytest.mark.parametrize("name", WITH_DENSITIES)
def test_what_needs_a_density_refuses_atoms_in_one_line(name: str) -> None:
    coin = torch.randint(2, (100, 1), generator=torch.Generator().manual_seed(0)).double()
    with pytest.raises(UnfitError, match=f"{name.partition(',')[0]} needs a density.*ksg-mixed"):
        BY_NEIGHBOURS[name](coin, coin)


@every_estimator
def test_too_few_pairs_are_refused_with_how_many_are_needed(name: str) -> None:
    with pytest.raises(UnfitError, match=r"needs at least [45] pairs, not 3"):
        BY_NEIGHBOURS[name](normal(3, 1), normal(3, 1, seed=1))


@pytest.mark.parametrize("params", [KSGParams, MixedParams, EntropiesParams, DivergenceParams])
def test_no_neighbour_is_refused(params: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="`k` is at least 1, not 0"):
        params(k=0)


def test_there_are_two_variants() -> None:
    with pytest.raises(ValueError, match="`variant` is at least 1 and at most 2, not 3"):
        KSGParams(variant=3)


def test_ten_thousand_pairs_take_no_matrix_of_theirs() -> None:
    """A matrix of all distances would take 800 MB."""
    import resource

    x, y = correlated(10_000, 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    value = ksg(x, y).item()
    assert value == pytest.approx(-math.log(1 - 0.36), abs=0.05)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


def test_the_estimators_keep_dtype_and_replica_axes() -> None:
    x, y = (z.float() for z in correlated(2, 3, 60, 1))
    problem = mibench.Problem(dx=1, dy=1, generators=tuple(torch.Generator() for _ in range(6)), replicas=(2, 3))
    for made in (KSG(KSGParams(), problem), Divergence(DivergenceParams(), problem)):
        values = made.mi(x, y)
        assert values.shape == (2, 3)
        assert values.dtype == torch.float32
    assert np.allclose(KSG(KSGParams(), problem).mi(x, y)[1, 2], ksg(x[1, 2], y[1, 2]), atol=1e-6)
