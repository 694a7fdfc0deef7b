"""The mixture in the fit: its fields are exact, it is chosen for clusters alone, and it mends them."""

import math

import pytest
import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.charts import Chart
from mibench_ratio.clustering import expectation_maximisation, farthest_first, k_means, mixtures
from mibench_ratio.clusters import Clusters, PairMixtures, clusters_of
from mibench_ratio.kernels import units
from mibench_ratio.many import many_gradient
from mibench_ratio.mixture import Components, Mixture
from mibench_ratio.pairs import alignment
from ratio_cases import Pairs, crossed, generator, normal
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal
from torch.testing import assert_close


def clustered(n: int, d: int, seed: int, s: float = 0.6) -> Pairs:
    """x one of eight points at radius 3, y the point in noise of deviation s, which is the parameter."""
    centres = 3 * torch.nn.functional.normalize(normal(8, d, seed=99), dim=1)
    label = torch.arange(n) % 8
    noise = normal(n, d, seed=seed)
    y = centres[label] + s * noise
    logits = -((y[:, None] - centres) / s).square().sum(-1) / 2
    pulls = (centres - y[:, None]) / s**2
    exact = pulls[torch.arange(n), label] - (logits.softmax(1)[..., None] * pulls).sum(1)
    return Pairs(centres[label] + 0.0, y, noise, exact, math.nan)


def density(z: Tensor, weights: Tensor, centres: Tensor, covariances: Tensor) -> Tensor:
    parts = MultivariateNormal(centres, covariances.expand(len(centres), -1, -1))
    return MixtureSameFamily(Categorical(weights), parts).log_prob(z)


def mixture_of_three(covariances: int) -> Mixture:
    """Of five coordinates."""
    root, weights = normal(covariances, 5, 5, seed=3), torch.tensor([0.2, 0.3, 0.5]).double()
    components = Components(weights.log(), 2 * normal(3, 5, seed=4), root @ root.mT + torch.eye(5).double())
    return Mixture(components, (3,), torch.tensor(True))


@pytest.mark.parametrize("covariances", [1, 3])
def test_the_fields_of_a_mixture_are_the_derivatives_of_its_densities(covariances: int) -> None:
    x, y, mixture = 2 * normal(120, 2), 2 * normal(120, 3, seed=1), mixture_of_three(covariances)
    log_weights, centres, covariances_ = mixture.components
    y = y.requires_grad_()
    joint = density(torch.cat([x, y], 1), log_weights.exp(), centres, covariances_)
    margin = density(y, log_weights.exp(), centres[:, 2:], covariances_[:, 2:, 2:])
    for total, (score, slopes) in ((joint, mixture.joint_score(x, y)), (margin, mixture.score(y))):
        (gradient,) = torch.autograd.grad(total.sum(), y, create_graph=True)
        second = torch.stack(
            [torch.autograd.grad(gradient[:, j].sum(), y, retain_graph=True)[0][:, j] for j in range(3)], 1
        )
        assert_close(score, gradient, rtol=1e-6, atol=1e-6)
        assert_close(slopes, second, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("covariances", [1, 3])
@pytest.mark.parametrize("n", [60, 700])
def test_moments_are_means_over_pairs_less_those_over_all_other_pairs(n: int, covariances: int) -> None:
    x, y, score = normal(n, 2), normal(n, 3, seed=1), normal(n, 3, seed=2)
    mixture = mixture_of_three(covariances)

    def mean(others: Tensor) -> Tensor:
        joint, slopes = mixture.joint_score(x, y[others])
        return (slopes + score[others] * joint).mean(0)

    shifted = [mean(torch.arange(n).roll(shift)) for shift in range(1, n)]
    moments = mixture.over_all_pairs(x, y, score)
    assert_close(moments.mean, mean(torch.arange(n)) - torch.stack(shifted).mean(0))


def test_a_mixture_is_chosen_for_clusters_and_not_where_there_are_none() -> None:
    case = clustered(200, 3, 0)
    clusters = mixtures(units(torch.cat([case.x, case.y], 1)).standardise(torch.cat([case.x, case.y], 1)))
    assert clusters is not None
    assert clusters.counts == (8,)
    assert mixtures(normal(2, 200, 5)) is None
    assert mixtures(normal(20, 5)) is None
    tails = normal(200, 10) / normal(200, 1, seed=1).abs()
    for other in (tails.asinh(), normal(200, 3).exp()):
        assert mixtures(units(other).standardise(other)) is None


def test_within_clusters_the_gradient_in_the_noise_is_near_the_exact_one() -> None:
    errors = []
    for how in (FitOptions(), FitOptions(clusters="none")):
        slopes = torch.tensor(
            [
                [c.slope(ratio_gradient(c.x, c.y, how)), c.slope(c.exact)]
                for c in (clustered(200, 3, s) for s in range(4))
            ]
        )
        errors.append((slopes[:, 0] - slopes[:, 1]).abs().mean())
    assert errors[0] < errors[1] / 4


@pytest.mark.parametrize("family", [clustered, crossed])
def test_replicas_have_their_own_mixture(family) -> None:
    single, several = family(80, 2, 0), clustered(80, 2, 1)
    alone = torch.stack([ratio_gradient(case.x, case.y) for case in (single, several)])
    together = ratio_gradient(torch.stack([single.x, several.x]), torch.stack([single.y, several.y]))
    assert_close(together, alone, rtol=1e-6, atol=1e-6)


def shared_sign(n: int, d: int, seed: int, apart: float, rho: float = 0.8) -> Pairs:
    """Correlated Gaussians, all of whose coordinates are moved up or down together: two clusters far apart."""
    x, noise = normal(2, n, d, seed=seed)
    sign, q = normal(n, 1, seed=seed + 100).sign(), 1 - rho**2
    y = rho * x + math.sqrt(q) * noise
    within = y - (y - rho * x) / q
    return Pairs(x + apart * sign, y + apart * sign, x - rho / math.sqrt(q) * noise, within, d * rho / q)


@pytest.mark.parametrize("clusters", ["auto", "none"])
@pytest.mark.parametrize(("d", "apart"), [(1, 5.0), (2, 3.0), (2, 10.0), (3, 5.0)])
def test_flows_that_change_nothing_are_near_zero_between_clusters(clusters, d: int, apart: float) -> None:
    cases = [shared_sign(256, d, seed, apart) for seed in range(4)]
    gradients = [ratio_gradient(case.x, case.y, FitOptions(clusters=clusters)) for case in cases]
    flows = torch.stack([(g * case.y.sin()).sum(-1).mean() for g, case in zip(gradients, cases, strict=True)])
    slopes = torch.tensor([case.slope(g) / case.truth for g, case in zip(gradients, cases, strict=True)])
    assert flows.square().mean().sqrt() < 0.1
    assert (slopes - 1).abs().max() < 0.25


@pytest.mark.parametrize("s", [0.2, 0.4, 0.6])
def test_clusters_that_tell_all_have_no_slope(s: float) -> None:
    """Two values of x far apart: information is log 2 up to 1e-4, and what single samples between say is noise."""
    for seed in range(6):
        label, noise = (2 * (torch.arange(256) % 2) - 1).double()[:, None], normal(2, 256, 1, seed=seed)
        gradient = ratio_gradient(3 * label + 0.3 * noise[0], 3 * label + s * noise[1])
        assert abs((gradient * noise[1]).mean().item()) < 0.01


@pytest.mark.parametrize("family", [clustered, crossed, shared_sign])
def test_rounding_of_the_samples_moves_the_gradient_by_no_more(family) -> None:
    case = family(96, 2, 0, 5.0) if family is shared_sign else family(96, 2, 0)
    gradient = ratio_gradient(case.x, case.y)
    moved = ratio_gradient(case.x, case.y * (1 + 1e-9 * normal(96, 2, seed=5)))
    single = ratio_gradient(case.x.float(), case.y.float()).double()
    assert (moved - gradient).norm() < 1e-5 * gradient.norm()
    assert (single - gradient).norm() < 1e-3 * gradient.norm()


def test_at_the_samples_the_fit_is_its_gradient() -> None:
    case = clustered(80, 2, 0)
    fit = ratio_fit(case.x, case.y)
    assert fit.ratio is not None
    assert fit.ratio.system.mixed is not None
    assert_close(fit.at(case.x.clone(), case.y.clone()), fit.gradient, rtol=1e-6, atol=1e-6)


def test_seeds_are_far_apart_and_clusters_are_whole() -> None:
    centres = 10 * normal(5, 2)
    z = centres.repeat_interleave(20, 0) + 0.1 * normal(100, 2, seed=1)
    members = k_means(z, farthest_first(z, 5), [5])[:, 0]
    assert members.sum(0).tolist() == [20] * 5
    assert all(len(set(block.argmax(1).tolist())) == 1 for block in members.split(20))


def test_mixtures_of_unequal_numbers_of_components_climb_together_as_they_do_alone() -> None:
    z = 3 * normal(3, 2).repeat_interleave(20, 0) + normal(60, 2, seed=1)
    members, any_will_do = k_means(z, farthest_first(z, 4), [2, 4]), torch.full((1,), math.inf).double()
    together, criteria = expectation_maximisation(z, members, any_will_do)
    for i, count in enumerate((2, 4)):
        alone, (criterion,) = expectation_maximisation(z, members[:, i : i + 1, :count], any_will_do)
        assert_close(criteria[i], criterion)
        assert_close(together.centres[i, :count], alone.centres[0])
        assert together.log_weights[i, count:].exp().sum() == 0


def test_a_mixture_climbs_while_it_can_come_below_the_worst_criterion() -> None:
    z = normal(3, 2).repeat_interleave(20, 0) + normal(60, 2, seed=1)
    members = k_means(z, farthest_first(z, 4), [2, 3])
    reached, before = (expectation_maximisation(z, members, torch.tensor([w]).double())[1] for w in (1e9, -1e9))
    assert (reached < before - 0.01).all()
    assert_close(expectation_maximisation(z, members, reached.amax(0, keepdim=True) + 1)[1], reached)


@pytest.mark.parametrize("s", [0.1, 0.15])
def test_steps_that_few_samples_fall_on_do_not_hide_the_others(s: float) -> None:
    slopes, exact = [], []
    for seed in range(4):
        x, noise = normal(2, 256, 1, seed=seed)
        level, levels = x.round(), torch.arange(-6.0, 7).double()
        chances = torch.special.ndtr(levels + 0.5) - torch.special.ndtr(levels - 0.5)
        y = level + s * noise
        shares = (chances.log() - (y - levels).square() / (2 * s**2)).softmax(1)
        case = Pairs(x, y, noise, (level - (shares * levels).sum(1, keepdim=True)) / s**2, math.nan)
        slopes.append(case.slope(ratio_gradient(x, y)))
        exact.append(case.slope(case.exact))
    error = torch.tensor(slopes) - torch.tensor(exact)
    assert error.square().mean().sqrt() < 0.3  # a linear regression has .9 and 1.2


@pytest.mark.parametrize("far", [4.0, 8.0])
def test_outliers_are_no_clusters(far: float) -> None:
    z = units(z := torch.cat([normal(253, 2), far + normal(3, 2, seed=1)])).standardise(z)
    assert mixtures(z) is None


def hidden(n: int, seed: int, points: tuple[float, ...], s: float) -> Pairs:
    """x and y are one hidden point each in noise of their own, both of deviation s: with x as it is, dI/ds of y's."""
    centres = torch.tensor(points).double()
    label = torch.arange(n) % len(points)
    x, noise = normal(2, n, 1, seed=seed)
    x, y = centres[label, None] + s * x, centres[label, None] + s * noise

    def pull(logits: Tensor) -> Tensor:
        return (logits.softmax(1) * (centres - y)).sum(1, keepdim=True) / s**2

    of_x, of_y = (-((block - centres) ** 2) / (2 * s**2) for block in (x, y))
    return Pairs(x, y, noise, pull(of_x + of_y) - pull(of_y), math.nan)


@pytest.mark.parametrize("points", [(-2.0, 0.0, 2.0), (-3.0, -1.0, 1.0, 3.0)])
def test_clusters_along_a_line_are_found_though_they_take_little_off_the_criterion(points: tuple[float, ...]) -> None:
    found, errors = [], []
    for seed in range(6):
        case = hidden(256, seed, points, 0.4)
        z = torch.cat([case.x, case.y], 1)
        mixture = mixtures(units(z).standardise(z))
        found.append(mixture is not None and mixture.counts == (len(points),))
        errors.append(case.slope(ratio_gradient(case.x, case.y)) - case.slope(case.exact))
    assert sum(found) >= 5
    assert torch.tensor(errors).square().mean().sqrt() < 0.15


@pytest.mark.parametrize("d", [2, 4, 10])
def test_skewness_and_edges_are_no_clusters(d: int) -> None:
    uniform = torch.rand(256, d, generator=torch.Generator().manual_seed(d), dtype=torch.float64)
    for other in (uniform, -uniform.log(), uniform.sqrt()):
        assert mixtures(units(other).standardise(other)) is None


def test_a_small_cluster_far_away_is_no_tail() -> None:
    """One sample in ten; its coordinates would be bent, and the clusters with them."""
    points = (-1.0, *9 * (1.0,))
    for seed in range(4):
        case = hidden(250, seed, points, 0.25)
        fit = ratio_fit(case.x, case.y)
        assert Chart.of(case.y, bend=True).bent.all()
        assert not fit.chart_x.bent.any()
        assert not fit.chart_y.bent.any()
        assert case.slope(fit.gradient) == pytest.approx(case.slope(case.exact), abs=0.03)


def test_tails_stay_bent_beside_a_replica_of_clusters() -> None:
    case, tailed = hidden(250, 0, (-1.0, *9 * (1.0,)), 0.25), crossed(250, 1, 1)
    x, y = (3 * tailed.x).sinh(), (3 * tailed.y).sinh()
    alone = ratio_fit(x, y)
    together = ratio_fit(torch.stack([case.x, x]), torch.stack([case.y, y]))
    assert together.chart_y.bent.flatten().tolist() == [False, True]
    assert_close(together.gradient[1], alone.gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [200, 700])
def test_replicas_with_many_few_and_no_clusters_are_fitted_together_as_they_are_alone(n: int) -> None:
    """Of 700 samples all pairs are affordable to eight clusters, and not to ten."""
    many = hidden(n, 0, tuple(3.0 * point for point in range(10)), 0.3)
    cases = [many, crossed(n, 1, 1), hidden(n, 2, (-2.0, 2.0), 0.3)]
    x, y = (torch.stack(blocks) for blocks in zip(*((case.x, case.y) for case in cases), strict=True))
    clusters = clusters_of(x, y, alignment(x, y))
    assert clusters is not None
    (whole,) = clusters.parts
    assert isinstance(whole, Mixture)
    assert whole.counts == (10, 0, 2)
    fields = [*clusters.margin(y), clusters.difference(x, y), *clusters.ratio(x, y, y, 8)]
    for i in (0, 2):
        alone = clusters_of(x[i], y[i], alignment(x[i], y[i]))
        assert alone is not None
        those = [*alone.margin(y[i]), alone.difference(x[i], y[i]), *alone.ratio(x[i], y[i], y[i], 8)]
        assert_close([field[i] for field in fields], those, rtol=1e-9, atol=1e-9)
    assert clusters_of(x[1], y[1], alignment(x[1], y[1])) is None
    assert all((field[1] == 0).all() for field in fields)


def levels(n: int, d: int, seed: int, s: float = 0.15, *, shared: bool = False) -> Pairs:
    """Each coordinate of x one of four levels, y that in noise of deviation s; one level for all, or one for each."""
    points = torch.tensor([-1.0, -1 / 3, 1 / 3, 1.0], dtype=torch.float64)
    noise = normal(n, d, seed=seed)
    x = points[torch.randint(4, (n, 1 if shared else d), generator=generator(seed + 100))].expand(n, d)
    y = x + s * noise
    pulls = (points - y[..., None]) / s**2
    logits = -(s**2) * pulls.square() / 2
    if shared:
        logits = logits.sum(-2, keepdim=True)
    exact = -noise / s - (logits.softmax(-1) * pulls).sum(-1)
    return Pairs(x, y, noise, exact, math.nan)


def relative_error(cases: list[Pairs]) -> float:
    slopes = [(case.slope(ratio_gradient(case.x, case.y)), case.slope(case.exact)) for case in cases]
    return sum(abs(found - exact) for found, exact in slopes) / sum(abs(exact) for _, exact in slopes)


@pytest.mark.parametrize("d", [3, 10])
def test_coordinates_with_clusters_of_their_own_are_clustered_one_by_one(d: int) -> None:
    """All together there are 4^d of them; without pairs the error is .7 to .9."""
    cases = [levels(256, d, seed) for seed in range(3)]
    (pairs,) = found(cases[0]).parts
    assert isinstance(pairs, PairMixtures)
    assert pairs.mixture.counts == d * (4,)
    assert pairs.of_x.tolist() == list(range(d))
    assert relative_error(cases) < 0.12


def found(case: Pairs) -> Clusters:
    x, y = (units(block).standardise(block) for block in (case.x, case.y))
    clusters = clusters_of(x, y, alignment(x, y))
    assert clusters is not None
    return clusters


def test_clusters_that_all_coordinates_share_are_those_of_all() -> None:
    case = levels(256, 3, 0, 0.4, shared=True)
    (whole,) = found(case).parts
    assert isinstance(whole, Mixture)
    assert whole.counts == (4,)
    assert relative_error([case]) < 0.12


def test_coordinates_with_clusters_of_their_own_are_found_beside_others_and_in_any_order() -> None:
    case, others = levels(256, 3, 0), crossed(256, 2, 1)
    x, y = torch.cat([others.x, case.x], 1), torch.cat([case.y[:, [2, 0, 1]], others.y], 1)
    (pairs,) = found(Pairs(x, y, y, y, math.nan)).parts
    assert isinstance(pairs, PairMixtures)
    assert pairs.of_y.tolist() == [0, 1, 2]
    assert pairs.of_x.tolist() == [4, 2, 3]
    u, v = (units(block).standardise(block) for block in (x, y))
    score, slopes = pairs.margin(v)
    assert (score[:, 3:] == 0).all()
    assert (slopes[3:] == 0).all()
    alone = found(case)
    assert_close(score[:, [1, 2, 0]], alone.margin(v[:, [1, 2, 0]])[0], rtol=1e-9, atol=1e-9)
    assert_close(
        pairs.difference(u, v)[:, [1, 2, 0]], alone.difference(u[:, 2:], v[:, [1, 2, 0]]), rtol=1e-9, atol=1e-9
    )


def test_coordinates_of_few_values_have_no_clusters_of_their_own() -> None:
    case = levels(256, 3, 0)
    x = units(case.x).standardise(case.x)
    assert clusters_of(x, x, alignment(x, x)) is None


def test_replicas_with_clusters_of_all_of_pairs_and_of_none_are_fitted_together_as_they_are_alone() -> None:
    cases = [levels(128, 3, 0), levels(128, 3, 1, 0.4, shared=True), crossed(128, 3, 2), levels(128, 3, 3)]
    x, y = (torch.stack(blocks) for blocks in zip(*((case.x, case.y) for case in cases), strict=True))
    assert len(found(Pairs(x, y, y, y, math.nan)).parts) == 2
    alone = torch.stack([ratio_gradient(*pair) for pair in zip(x, y, strict=True)])
    assert_close(ratio_gradient(x, y), alone, rtol=1e-7, atol=1e-7)


def test_replicas_have_the_same_numbers_beside_others_whose_clusters_are_of_other_coordinates_and_kinds() -> None:
    (x, e, w), n = normal(3, 200, 2), 200
    first, second = x.clone(), x.clone()
    first[:, 0], second[:, 1] = x[:, 0].sign(), x[:, 1].sign()
    bits = [torch.where(block.abs() == 1, block + 0.4 * e, block + e) for block in (first, second)]
    several = torch.cat([normal(n // 2, 2, seed=4) - 4, 0.3 * normal(n // 2, 2, seed=5) + 4])
    angle = 3 * x[:, :1]
    ring = torch.cat([angle.cos(), angle.sin()], 1) + 0.1 * e
    pairs = [
        (first, bits[0]),
        (second, bits[1]),
        (several, 2 * several + w),
        (x, w[:, :1].sign() * x + 0.5 * e),
        (angle.expand(-1, 2) + w, ring),
        (x, x + e),
    ]
    together = ratio_gradient(*(torch.stack(blocks) for blocks in zip(*pairs, strict=True)))
    for gradient, (x, y) in zip(together, pairs, strict=True):
        assert_close(gradient, ratio_gradient(x, y), rtol=1e-8, atol=1e-8)


def classes(n: int, dy: int, seed: int) -> Pairs:
    """y is around one of five centres in unit noise, which is the parameter; x says which, one-hot."""
    centres, weights = 1.2 * normal(5, dy, seed=8), torch.tensor([0.4, 0.25, 0.2, 0.1, 0.05]).double()
    which = torch.multinomial(weights, n, replacement=True, generator=generator(seed + 100))
    e = normal(n, dy, seed=seed)
    y = centres[which] + e
    shares = torch.softmax(weights.log() - (y[:, None] - centres).square().sum(-1) / 2, 1)
    return Pairs(torch.eye(5).double()[which], y, e, centres[which] - shares @ centres, math.nan)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("dy", [8, 12])
def test_labels_of_clusters_make_no_gradient_without_bounds(dy: int, many: bool) -> None:
    """What x leaves of the mixture's score is then next to nothing along some directions."""
    for seed in range(3):
        case = classes(600 if many else 256, dy, seed)
        gradient = (
            many_gradient(case.x, case.y, FitOptions(), "auto") if many else ratio_gradient(case.x, case.y)
        )  # 1e5 where all directions of the score are free
        assert gradient.norm(dim=1).max() < 30
        assert abs(case.slope(gradient) - case.slope(case.exact)) < 0.3


@pytest.mark.parametrize("seed", [6, 8, 16])
def test_labels_of_sixty_classes_and_noise_make_no_gradient_without_bounds(seed: int) -> None:
    """Whose clusters are those of x alone: of their score 1, x and y leave rounding, and a little more."""
    y, which = normal(256, 40, seed=seed), torch.randint(0, 60, (256,), generator=generator(seed + 100))
    x = torch.nn.functional.one_hot(which, 60).double()
    assert ratio_gradient(x, y).abs().max() < 50


def test_clusters_of_one_coordinate_do_not_replace_those_of_all() -> None:
    for seed in range(3):
        (part,) = found(classes(256, 20, seed)).parts
        assert isinstance(part, Mixture)
        assert part.counts[0] >= 4


def test_many_samples_have_clusters_of_pairs_too() -> None:
    case = levels(3000, 3, 0)
    gradient = many_gradient(case.x, case.y, FitOptions(), "auto")
    assert case.slope(gradient) == pytest.approx(case.slope(case.exact), rel=0.1)


def test_a_mixture_has_no_more_components_than_it_may() -> None:
    """Ten clusters in a row are no eight."""
    case = hidden(400, 0, tuple(3.0 * point for point in range(10)), 0.3)
    z = units(torch.cat([case.x, case.y], 1)).standardise(torch.cat([case.x, case.y], 1))
    enough = mixtures(z, 12)
    assert enough is not None
    assert enough.counts == (10,)
    assert mixtures(z, 8) is None
