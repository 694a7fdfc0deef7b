"""Claims about oblique directions: those of a layer of units are found, and right angles stay where they serve."""

import math

import pytest
import torch
from mibench_ratio import ratio_gradient
from mibench_ratio.directions import directions
from mibench_ratio.oblique import Oblique, _contrasts, _matched, oblique
from ratio_cases import Pairs, crossed, normal
from torch import Tensor
from torch.testing import assert_close


def layer(kind: str, n: int, dx: int, dy: int, seed: int, s: float = 0.4) -> Pairs:
    """y = f(x W) + s e with x normal; the exact gradient by 20,000 draws of p(y), the truth by its mean."""
    weights = 2 * normal(dx, dy, seed=54) / math.sqrt(dx)
    unit = {"wave": torch.sin, "fold": torch.abs}[kind]
    means = unit(normal(20_000, dx, seed=11) @ weights)

    def exact(at: Tensor, noise: Tensor) -> Tensor:
        pulls = [((at + s * noise)[i, None] - means) / s for i in range(len(at))]
        inside = [torch.softmax(-pull.square().sum(-1) / 2, 0) @ means for pull in pulls]
        return (at - torch.stack(inside)) / s**2

    x, noise = normal(n, dx, seed=seed), normal(n, dy, seed=seed + 1)
    at, other = unit(x @ weights), normal(1000, dy, seed=12)
    truth = (exact(means[:1000], other) * other).sum(-1).mean().item()
    return Pairs(x, at + s * noise, noise, exact(at, noise), truth)


def upright(block: Tensor) -> tuple[Tensor, Tensor]:
    """A whitened block, and no turn."""
    centred = block - block.mean(0)
    values, vectors = torch.linalg.eigh(centred.mT @ centred / len(block))
    return centred @ (vectors / values.sqrt()) @ vectors.mT, torch.eye(block.shape[1], dtype=block.dtype)


def let_go(x: Tensor, y: Tensor) -> Oblique:
    (u, a), (v, b) = upright(x), upright(y)
    return oblique(u, v, a, b)


@pytest.mark.parametrize(("kind", "dx", "dy", "share"), [("wave", 8, 4, 0.5), ("fold", 5, 5, 0.8)])
def test_the_gradient_of_a_layer_is_nearer_to_the_truth(
    kind: str, dx: int, dy: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [layer(kind, 256, dx, dy, seed) for seed in (0, 10, 20)]

    def errors() -> Tensor:
        slopes = [case.slope(ratio_gradient(case.x, case.y)) / case.truth - 1 for case in cases]
        return torch.tensor(slopes).square().mean().sqrt()

    found = errors()
    monkeypatch.setattr("mibench_ratio.oblique.GAIN", math.inf)
    assert found < 0.3
    assert found < share * errors()


@pytest.mark.parametrize("seed", range(3))
def test_right_angles_stay_where_pairs_are_independent(seed: int) -> None:
    case = crossed(256, 3, seed)
    turn, other = (torch.linalg.qr(normal(3, 3, seed=k)).Q for k in (7, 8))
    x, y = case.x @ turn, case.y @ other
    found = directions(*(block / block.std(0, correction=0) for block in (x - x.mean(0), y - y.mean(0))))
    assert found is not None
    for matrix, block in ((found.of_x, x), (found.of_y, y)):
        inside = (block - block.mean(0)) / block.std(0, correction=0) @ matrix
        assert_close(inside.mT @ inside / 256, torch.eye(3, dtype=x.dtype), rtol=0, atol=1e-6)


def test_directions_are_of_unit_length_and_apart_and_no_pair_is_found_twice() -> None:
    case = layer("wave", 256, 4, 4, 0)
    found = let_go(case.x, case.y)
    for vectors in (found.of_u, found.of_v):
        assert_close(vectors.norm(dim=0), torch.ones(4, dtype=vectors.dtype))
        assert torch.linalg.svdvals(vectors)[-1] > 0.2


def test_replicas_are_let_go_as_they_are_alone() -> None:
    cases = [layer("fold", 200, 4, 3, 0), crossed(200, 4, 1)]
    blocks = [upright(case.x)[0] for case in cases], [upright(case.y[:, :3])[0] for case in cases]
    u, v = (torch.stack(each) for each in blocks)
    a, b = (torch.eye(block.shape[-1], dtype=u.dtype).expand(2, -1, -1) for block in (u, v))
    together = oblique(u, v, a, b)
    for k in range(2):
        alone = oblique(u[k], v[k], a[k], b[k])
        assert_close(together.of_u[k], alone.of_u, rtol=1e-8, atol=1e-8)
        assert_close(together.of_v[k], alone.of_v, rtol=1e-8, atol=1e-8)
        assert together.taken[k] == alone.taken


def test_pairs_are_matched_from_the_most_dependent_on() -> None:
    sizes = torch.tensor([[0.1, 0.5, 0.2], [0.9, 0.4, 0.8]])
    assert _matched(sizes).tolist() == [1, 0]
    assert _matched(sizes.mT).tolist() == [0, 1, 2]
    both = torch.stack([sizes, sizes.flip(0)])
    assert _matched(both).tolist() == [[1, 0], [0, 1]]


def test_contrasts_have_the_derivatives_of_autograd() -> None:
    u, v = (normal(40, 3, seed=seed).requires_grad_() for seed in (0, 1))
    sizes, *pulls = _contrasts(u, v)
    for pull, derivative in zip(pulls, torch.autograd.grad(sizes.sum(), (u, v)), strict=True):
        assert_close(pull, derivative)


@pytest.mark.parametrize("rounding", [0.0, 1e-16])
def test_a_constant_coordinate_stays_out(rounding: float) -> None:
    case = layer("fold", 256, 4, 3, 0)
    u, v = upright(case.x)[0], upright(case.y)[0]
    v = torch.cat([rounding * normal(256, 1, seed=5), v], 1)
    found = oblique(u, v, torch.eye(4, dtype=u.dtype), torch.eye(4, dtype=u.dtype))
    assert found.of_v.isfinite().all()
    assert_close(found.of_v[0].abs(), torch.tensor([0.0, 0, 0, 1], dtype=u.dtype))
    assert_close(found.of_v[:, -1].abs(), torch.tensor([1.0, 0, 0, 0], dtype=u.dtype))
