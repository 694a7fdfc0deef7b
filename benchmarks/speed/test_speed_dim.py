"""What a step of Deep InfoMax costs beside a bare loop, and MIGE on wide images beside the textbook: one thread.

`pytest benchmarks/speed/test_speed_dim.py -s` prints the ratios; `extra_info` of the benchmark records holds them. The
bare loop is what one would write without a harness: a `torch.nn` encoder, a batch cut out of float images, the same
objective, `backward` and `torch.optim.Adam(fused=True)`. Seconds are the processor's, the median of interleaved rounds.
"""

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from mibench_dim.infomax import Cell, _Run
from mibench_dim.plugin import SETTINGS
from mibench_mige.mige import MIGE, MIGEParams
from mibench_mige.mige_rp import MIGERP, MIGERPParams
from pytest_benchmark.fixture import BenchmarkFixture
from test_speed_ssge import peak_bytes, textbook_ssge
from torch import Tensor, nn

from mibench.contracts import Context, Dataset, Problem, Split
from mibench.datasets import DataFolder
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.files import Checkpoint
from mibench.specs import DatasetSpec, EstimatorSpec
from mibench.targets import load_target

BATCH = 128
REGISTRY = Registry(load_plugins([]))
FOLDER = DataFolder(specs=[DatasetSpec(name="noise", target="test_speed_dim:noise")])


def noise(root: Path | None, download: bool) -> Dataset:
    """Images of CIFAR's shape."""
    del root, download
    images = torch.randint(256, (1024, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Split(images, torch.arange(1024) % 10)
    return Dataset(train=split, test=split, classes=10, identity="noise")


def problem(dx: int, dy: int) -> Problem:
    return Problem(dx=dx, dy=dy, generators=(torch.Generator().manual_seed(2),), replicas=(1,))


def harness_step(name: str) -> Callable[[], None]:
    """A step of the task as a trial takes it, on the published encoder."""
    spec = REGISTRY.find(EstimatorSpec, name).spec
    estimator = load_target(spec.target, name)
    context = Context(
        spec=spec,
        build=lambda asked: estimator(estimator.Params(**SETTINGS.get(name, {})), asked),
        data=(torch.Generator().manual_seed(1),),
        init=(torch.Generator().manual_seed(2),),
        device=torch.device("cpu"),
        dtype=torch.float32,
        folder=FOLDER,
        checkpoints=(Checkpoint(),),
    )
    run = _Run(Cell(dataset="noise", batch=BATCH), context)
    run._learner.encoder.train()
    chosen = torch.randperm(1024)[:BATCH]
    return lambda: run._learner.step(run._images.take(chosen), "float32") and None


class Plain(nn.Module):
    """The published encoder as `torch.nn` would have it."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 64, 128, 256)
        convolutions = [
            layer
            for a, b in itertools.pairwise(widths)
            for layer in (nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
        ]
        self.body = nn.Sequential(*convolutions, nn.Flatten())
        self.head = nn.Sequential(
            nn.Linear(4096, 1024, bias=False), nn.BatchNorm1d(1024), nn.ReLU(), nn.Linear(1024, 64)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        conv = self.body(images)
        return conv, self.head(conv)


@dataclass(frozen=True)
class Batch:
    """What an objective may look at."""

    images: Tensor
    conv: Tensor
    y: Tensor


def bare_step(
    objective: Callable[[Batch], Tensor], update: Callable[[Tensor, Tensor], None] | None = None
) -> Callable[[], None]:
    """A step written by hand, also with the channels last."""
    encoder = Plain().to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(encoder.parameters(), 1e-4, fused=True)
    images = (noise(None, False).train.images.float() / 127.5 - 1).to(memory_format=torch.channels_last)
    chosen = torch.randperm(1024)[:BATCH]

    def step() -> None:
        batch = images[chosen]
        conv, y = encoder(batch)
        optimiser.zero_grad()
        (-objective(Batch(batch, conv, y))).backward()
        optimiser.step()
        if update is not None:
            update(conv.detach(), y.detach())

    return step


def bare(name: str) -> Callable[[], None]:
    if name == "mige":
        mige = MIGE(MIGEParams(), problem(3072, 64))
        return bare_step(lambda seen: mige.surrogate(seen.images.flatten(1)[None], seen.y[None]).sum())
    target = load_target(REGISTRY.find(EstimatorSpec, name).spec.target, name)
    estimator = target(target.Params(**SETTINGS[name]), problem(4096, 64))
    return bare_step(
        lambda seen: estimator.surrogate(seen.conv[None], seen.y[None]).sum(),
        lambda conv, y: estimator.update(conv[None], y[None]),
    )


def processor_seconds(*functions: Callable[[], Any], rounds: int = 7) -> list[float]:
    """The median of each, measured in turn so that a busy machine slows all of them alike."""
    taken: list[list[float]] = [[] for _ in functions]
    for number in range(rounds + 1):
        for function, seconds in zip(functions, taken, strict=True):
            start = time.process_time()
            function()
            if number:
                seconds.append(time.process_time() - start)
    return [statistics.median(seconds) for seconds in taken]


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("name", ["mige", "jsd", "infonce"])
def test_a_step_against_the_bare_loop(benchmark: BenchmarkFixture, name: str) -> None:
    step, by_hand = harness_step(name), bare(name)
    ours, theirs = processor_seconds(step, by_hand)
    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    benchmark.extra_info["ratio_to_bare_loop"] = ours / theirs
    print(f"\n{name}: {theirs * 1e3:.0f} ms by hand, {ours * 1e3:.0f} ms here: {ours / theirs:.2f} times")


@pytest.mark.benchmark(timer=time.process_time)
def test_the_share_of_mige_in_a_step(benchmark: BenchmarkFixture) -> None:
    """What MIGE adds to a step whose objective costs nothing."""
    step, free = bare("mige"), bare_step(lambda seen: seen.y.square().sum())
    with_mige, without = processor_seconds(step, free)
    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    benchmark.extra_info["added_by_mige"] = with_mige / without - 1
    print(f"\nencoder {without * 1e3:.0f} ms, with MIGE {with_mige * 1e3:.0f} ms: {with_mige / without - 1:+.0%}")


def score_by_the_textbook(x: Tensor, y: Tensor) -> Tensor:
    return textbook_ssge(torch.cat([x, y], -1))[:, x.shape[-1] :] - textbook_ssge(y)


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("k", [16, 64, 256, 1024, None])
def test_mige_on_images_of_96x96x3_against_k(benchmark: BenchmarkFixture, k: int | None) -> None:
    """Table 2 calls MIGE without projection unaffordable there; `None` is without projection."""
    n, d = 128, 96 * 96 * 3
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(n, d, generator=generator), torch.randn(n, 64, generator=generator)
    asked = problem(d, 64)
    estimator = MIGE(MIGEParams(), asked) if k is None else MIGERP(MIGERPParams(k=k), asked)

    def gradient(images: Tensor) -> Tensor:
        z = y.clone().requires_grad_()
        return torch.autograd.grad(estimator.surrogate(images[None], z[None]).sum(), z)[0]

    benchmark.pedantic(gradient, (x,), rounds=5, warmup_rounds=1)
    seconds, peak = benchmark.stats.stats.median, peak_bytes(gradient, x)
    benchmark.extra_info["peak_bytes"] = peak
    print(f"\nk={k}: {seconds * 1e3:.1f} ms, peak {peak / 2**20:.0f} MiB")


@pytest.mark.benchmark(timer=time.process_time)
def test_mige_on_images_of_96x96x3_by_the_textbook(benchmark: BenchmarkFixture) -> None:
    """The formula that the paper's remark is about, on a batch of 32: its memory grows with n^2 d."""
    n, d = 32, 96 * 96 * 3
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(n, d, generator=generator), torch.randn(n, 64, generator=generator)
    mige = MIGE(MIGEParams(), problem(d, 64))

    def closed(images: Tensor) -> Tensor:
        z = y.clone().requires_grad_()
        return torch.autograd.grad(mige.surrogate(images[None], z[None]).sum(), z)[0]

    def textbook(images: Tensor) -> Tensor:
        return score_by_the_textbook(images, y) / n

    assert (closed(x) - textbook(x)).norm() < 1e-2 * closed(x).norm()
    ours, theirs = processor_seconds(lambda: closed(x), lambda: textbook(x), rounds=3)
    benchmark.pedantic(closed, (x,), rounds=3)
    memory, of_textbook = peak_bytes(closed, x), peak_bytes(textbook, x)
    benchmark.extra_info |= {"ratio_to_textbook": theirs / ours, "peak_bytes": memory, "peak_of_textbook": of_textbook}
    print(
        f"\nn={n}: textbook {theirs * 1e3:.0f} ms, {of_textbook / 2**20:.0f} MiB -> {ours * 1e3:.1f} ms, "
        f"{memory / 2**20:.0f} MiB; kernel gradients at n=128: {128**2 * d * 4 / 2**30:.1f} GiB"
    )
