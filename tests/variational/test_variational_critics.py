"""Critics: replicas are independent, blocks are exact, and each kind is the network its name says."""

import itertools
import math

import pytest
import torch
from mibench_variational.critics import Critic, CriticParams, JointCritic, SeparableCritic, build_critic
from mibench_variational.networks import ACTIVATIONS, Linear, NetworkParams, Perceptron
from torch import Tensor, nn
from variational_cases import build, gaussian_pairs, generators

from mibench.contracts import Problem

KINDS = ("separable", "bilinear", "joint")
HIDDEN = ((), (7,), (7, 6))


def small(kind: str, hidden: tuple[int, ...] = (7, 6), **parameters: object) -> CriticParams:
    return CriticParams(critic=kind, hidden=hidden, embedding=5, **parameters)


def problem(*seeds: int, replicas: tuple[int, ...] = (), dtype: torch.dtype = torch.float64) -> Problem:
    return Problem(dx=3, dy=2, generators=generators(*seeds), replicas=replicas, dtype=dtype)


def samples(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, 3, generator=generator, dtype=dtype), torch.randn(
        *shape, 2, generator=generator, dtype=dtype
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_scores_of_all_pairs_agree_with_scores_of_pairs(kind: str, hidden: tuple[int, ...]) -> None:
    critic = build_critic(small(kind, hidden), problem(0, 1, replicas=(2,)))
    x, y = samples(2, 6)
    scores = critic.scores(x, y)
    assert scores.shape == (2, 6, 6)
    for shift in range(6):
        torch.testing.assert_close(critic.paired(x, y.roll(-shift, -2)), scores.roll(-shift, -1).diagonal(0, -2, -1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", [1, 60, 200, 10**6])
def test_scores_by_blocks_equal_scores_at_once(kind: str, block: int) -> None:
    critic = build_critic(small(kind), problem(0))
    x, y = samples(11)
    blocks = tuple(critic.score_rows(x, y, block))
    torch.testing.assert_close(torch.cat(blocks, dim=-2), next(critic.blocks(x, y, 11)))
    assert max(part.numel() * critic.numbers_per_pair for part in blocks) <= max(block, 11 * critic.numbers_per_pair)


@pytest.mark.parametrize("kind", KINDS)
def test_replicas_score_as_each_alone(kind: str) -> None:
    x, y = samples(2, 3, 4)
    together = build_critic(small(kind), problem(*range(6), replicas=(2, 3))).scores(x, y)
    for index, place in enumerate(itertools.product(range(2), range(3))):
        alone = build_critic(small(kind), problem(index)).scores(x[place], y[place])
        torch.testing.assert_close(together[place], alone)


def as_module(perceptron: Perceptron) -> nn.Sequential:
    parts: list[nn.Module] = []
    for layer in perceptron.layers:
        linear = nn.Linear(*layer.weight.shape, dtype=layer.weight.dtype)
        with torch.no_grad():
            linear.weight.copy_(layer.weight.T)
            linear.bias.copy_(layer.bias[0])
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def test_separable_critic_is_a_dot_product_of_two_torch_networks() -> None:
    critic = build_critic(small("separable"), problem(0))
    assert isinstance(critic, SeparableCritic)
    x, y = samples(5)
    expected = as_module(critic.left)(x) @ as_module(critic.right)(y).T
    torch.testing.assert_close(critic.scores(x, y), expected)


def test_joint_critic_is_a_torch_network_on_the_concatenation() -> None:
    critic = build_critic(small("joint"), problem(0))
    assert isinstance(critic, JointCritic)
    x, y = samples(5)
    pairs = torch.cat((x[:, None].expand(5, 5, 3), y[None].expand(5, 5, 2)), dim=-1)
    torch.testing.assert_close(critic.scores(x, y), as_module(critic.network)(pairs).squeeze(-1))


def test_weights_are_distributed_as_torch_linear_initialises_them() -> None:
    layer = Linear.initialised(problem(0), 50, 400)
    for tensor in (layer.weight, layer.bias):
        bound = 1 / math.sqrt(50)
        assert tensor.abs().max() <= bound
        assert tensor.abs().max() > 0.97 * bound
        assert tensor.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.06)
        assert tensor.requires_grad
        assert tensor.is_leaf


def test_precisions_start_from_the_same_network() -> None:
    single, double = (Linear.initialised(problem(0, dtype=dtype), 4, 3) for dtype in (torch.float32, torch.float64))
    assert single.weight.dtype == torch.float32
    assert single.weight.double().equal(double.weight)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_trains(activation: str) -> None:
    params = NetworkParams(hidden=(4,), activation=activation)
    network = Perceptron.initialised(params, problem(0), 3, 1)
    network(samples(5)[0]).sum().backward()
    assert all(tensor.grad is not None and tensor.grad.isfinite().all() for tensor in network.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_detached_critic_shares_numbers_and_takes_no_gradient(kind: str) -> None:
    critic = build_critic(small(kind), problem(0))
    x, y = samples(4)
    x.requires_grad_()
    twin = critic.detached()
    assert len(twin.parameters()) == len(critic.parameters())
    for ours, theirs in zip(critic.parameters(), twin.parameters(), strict=True):
        assert ours.data_ptr() == theirs.data_ptr()
    twin.scores(x, y).sum().backward()
    assert x.grad is not None
    assert all(tensor.grad is None for tensor in critic.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_critic_learns(kind: str) -> None:
    estimator = build("infonce", critic=kind, hidden=(32,), learning_rate=5e-3)
    x, y = gaussian_pairs(0.9, (128, 3), 0)
    before = estimator.mi(x, y)
    for _ in range(60):
        estimator.update(x, y)
    assert estimator.mi(x, y) > before + 0.5


def test_one_block_of_pairs_stays_within_its_budget_at_twenty_thousand_samples() -> None:
    critics: list[Critic] = [build_critic(small(kind, (8,)), problem(0, dtype=torch.float32)) for kind in KINDS]
    x, y = samples(20_000, dtype=torch.float32)
    with torch.no_grad():
        for critic in critics:
            block = next(critic.score_rows(x, y))
            assert block.shape[-1] == 20_000
            assert block.numel() * critic.numbers_per_pair <= 2**24
