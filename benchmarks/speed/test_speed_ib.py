"""What a step of the bottleneck costs beside a bare loop, and what MIGE's penalty adds to DVB's: one thread.

`pytest benchmarks/speed/test_speed_ib.py -s` prints the ratios; `extra_info` of the benchmark records holds them. The
bare loop is what one would write without a harness: `torch.nn` layers, `backward`, `torch.optim.Adam(fused=True)` and
the same average of weights. Seconds are the processor's, the median of interleaved rounds.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mibench_ib.bottleneck import Cell, _Run
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from mibench.contracts import Context, Dataset, Split
from mibench.datasets import DataFolder
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.files import Checkpoint
from mibench.specs import DatasetSpec, EstimatorSpec
from mibench.targets import load_target

BATCH, INPUTS, LATENT = 100, 784, 256
FOLDER = DataFolder(specs=[DatasetSpec(name="noise", target="test_speed_ib:noise")])
REGISTRY = Registry(load_plugins([]))
STEPS: dict[str, tuple[str, dict[str, object]]] = {
    "dvb": ("dvb", {}),
    "baseline": ("baseline", {}),
    "mine": ("mine", {}),
    "mige, H(Z|X) in closed form": ("mige", {"threshold": 0.94, "conditional": "closed"}),
    "mige, closed and calibrated": ("mige", {"threshold": 0.94, "conditional": "closed", "calibration": "diagonal"}),
    "mige, by score estimation as published": ("mige", {"threshold": 0.94, "conditional": "score"}),
    "rsm, H(Z|X) in closed form": ("rsm", {"conditional": "closed", "linear": "shrunk"}),
}


def noise(root: Path | None, download: bool) -> Dataset:
    """Images of MNIST's shape."""
    del root, download
    images = torch.randint(256, (1000, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Split(images, torch.arange(1000) % 10)
    return Dataset(train=split, test=split, classes=10, identity="noise")


def harness_step(name: str, **params: object) -> Callable[[], object]:
    """A step of the task as a trial takes it, on the paper's network."""
    spec = REGISTRY.find(EstimatorSpec, name).spec
    estimator = load_target(spec.target, name)
    context = Context(
        spec=spec,
        build=lambda problem: estimator(estimator.Params(**params), problem),
        data=(torch.Generator().manual_seed(1),),
        init=(torch.Generator().manual_seed(2),),
        device=torch.device("cpu"),
        dtype=torch.float32,
        folder=FOLDER,
        checkpoints=(Checkpoint(),),
    )
    run = _Run(Cell(dataset="noise"), context)
    batch = torch.randperm(1000)[:BATCH]
    return lambda: run._step(batch)


def bare_step() -> Callable[[], object]:
    """DVB without a harness."""
    encoder = nn.Sequential(
        nn.Linear(INPUTS, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 2 * LATENT)
    )
    decoder = nn.Linear(LATENT, 10)
    weights = [*encoder.parameters(), *decoder.parameters()]
    average = [torch.zeros_like(weight) for weight in weights]
    optimiser = torch.optim.Adam(weights, lr=2e-4, betas=(0.5, 0.999), fused=True)
    data = noise(None, False).train
    x, batch = data.images.flatten(1) / 127.5 - 1, torch.randperm(1000)[:BATCH]

    def step() -> Tensor:
        mean, rho = encoder(x[batch]).chunk(2, -1)
        std = softplus(rho - 5)
        kl = ((mean.square() + std.square() - 1) / 2 - std.log()).sum(-1).mean()
        logits = decoder(mean + std * torch.randn_like(std))
        loss = cross_entropy(logits, data.labels[batch]) + 1e-3 * kl
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            for total, weight in zip(average, weights, strict=True):
                total.lerp_(weight, 1e-3)
        return loss.detach()

    return step


def interleaved(steps: dict[str, Callable[[], object]], rounds: int = 30) -> dict[str, float]:
    """Median processor seconds of each, in turn, so that what the machine does meanwhile falls on all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.process_time()
            step()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


@pytest.fixture(scope="module")
def seconds() -> dict[str, float]:
    torch.set_num_threads(1)
    ours = {name: harness_step(estimator, **params) for name, (estimator, params) in STEPS.items()}
    return interleaved({"bare": bare_step(), **ours})


def test_a_step_against_the_bare_loop(benchmark: BenchmarkFixture, seconds: dict[str, float]) -> None:
    ratio = seconds["dvb"] / seconds["bare"]
    benchmark.extra_info.update(ratio=ratio, target=1.25, milliseconds=1e3 * seconds["dvb"])
    print(f"\nDVB's step: {1e3 * seconds['dvb']:.1f} ms, {ratio:.2f} times the bare loop's (target: at most 1.25)")
    benchmark.pedantic(harness_step("dvb"), rounds=5)


@pytest.mark.parametrize("name", [name for name in STEPS if name != "dvb"])
def test_a_penalty_against_that_of_dvb(name: str, benchmark: BenchmarkFixture, seconds: dict[str, float]) -> None:
    ratio, (estimator, params) = seconds[name] / seconds["dvb"], STEPS[name]
    benchmark.extra_info.update(ratio=ratio, target=1.25)
    print(f"\n{name}: {1e3 * seconds[name]:.1f} ms a step, {ratio:.2f} times DVB's (target for MIGE: at most 1.25)")
    benchmark.pedantic(harness_step(estimator, **params), rounds=5)
