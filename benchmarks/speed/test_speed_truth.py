"""What the true gradient costs in Deep InfoMax: a step by `exact`, and a reading beside an epoch; one thread.

`pytest benchmarks/speed/test_speed_truth.py -s` prints the ratios; `extra_info` of the benchmark records holds them.
Seconds are the processor's, of the published encoder on images of CIFAR's shape.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mibench_dim.infomax import Cell, _Run
from pytest_benchmark.fixture import BenchmarkFixture
from test_speed_dim import REGISTRY, processor_seconds

from mibench.contracts import Context, Dataset, Split
from mibench.datasets import DataFolder
from mibench.files import Checkpoint
from mibench.plan.selectors import combinations, parse_selector
from mibench.specs import DatasetSpec, EstimatorSpec
from mibench.targets import load_target

IMAGES, BATCH = 8192, 64
CIFAR = 50_000
FOLDER = DataFolder(specs=[DatasetSpec(name="many", target="test_speed_truth:many")])


def many(root: Path | None, download: bool) -> Dataset:
    """Images of CIFAR's shape."""
    del root, download
    images = torch.randint(256, (IMAGES, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Split(images, torch.arange(IMAGES) % 10)
    return Dataset(train=split, test=split, classes=10, identity="noise")


def run_of(selector: str, **cell: object) -> _Run:
    parsed = parse_selector(selector)
    spec = REGISTRY.find(EstimatorSpec, parsed.name).spec
    estimator = load_target(spec.target, parsed.name)
    (parameters,) = combinations(estimator.Params, parsed.sweep, parsed.name)
    context = Context(
        spec=spec,
        build=lambda problem: estimator(parameters, problem),
        data=(torch.Generator().manual_seed(1),),
        init=(torch.Generator().manual_seed(2),),
        device=torch.device("cpu"),
        dtype=torch.float32,
        folder=FOLDER,
        checkpoints=(Checkpoint(),),
    )
    return _Run(Cell(dataset="many", batch=BATCH, **cell), context)


def step_of(selector: str, **cell: object) -> Callable[[], None]:
    run = run_of(selector, **cell)
    chosen = torch.randperm(IMAGES)[:BATCH]
    run._learner.encoder.train()
    return lambda: run._learner.step(run._images.take(chosen), "float32") and None


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("components", [512, 2048, 8192])
def test_a_step_by_the_exact_gradient_whose_components_are_made_anew(
    benchmark: BenchmarkFixture, components: int
) -> None:
    exact = step_of(f"exact[components={components},drift=0]", noise=2.0, power="fixed")
    ours, plain = processor_seconds(exact, step_of("mige"), rounds=3)
    benchmark.pedantic(exact, rounds=1)
    benchmark.extra_info["ratio_to_mige"] = ours / plain
    print(f"\n{components} components: {ours * 1e3:.0f} ms, mige {plain * 1e3:.0f} ms: {ours / plain:.1f} times")


@pytest.mark.benchmark(timer=time.process_time)
def test_a_step_with_noise_beside_one_without(benchmark: BenchmarkFixture) -> None:
    noisy, plain = step_of("mige", noise=2.0, power="fixed"), step_of("mige")
    ours, theirs = processor_seconds(noisy, plain)
    benchmark.pedantic(noisy, rounds=3, warmup_rounds=1)
    benchmark.extra_info["ratio_to_no_noise"] = ours / theirs
    print(f"\nnoise: {theirs * 1e3:.0f} ms without, {ours * 1e3:.0f} ms with: {ours / theirs:.2f} times")


@pytest.mark.benchmark(timer=time.process_time)
def test_a_reading_beside_an_epoch(benchmark: BenchmarkFixture) -> None:
    """A reading grows with the images that it takes, from what its own batches take; an epoch with all of them."""
    step = step_of("mige", noise=2.0, power="fixed")
    (whole, of_step), (part, _) = (processor_seconds(reading_of(images), step, rounds=3) for images in (0, IMAGES // 4))
    benchmark.pedantic(reading_of(IMAGES // 4), rounds=1)
    of_image = (whole - part) / (IMAGES - IMAGES // 4)
    batches = whole - IMAGES * of_image
    print(f"\na reading: {batches:.1f} s for its batches, {of_image * 1e3:.2f} ms an image; of {CIFAR} images")
    for images in (CIFAR, 8192, 4096):
        epochs = (batches + images * of_image) / (of_step * CIFAR / BATCH)
        benchmark.extra_info[f"epochs_of_a_reading_of_{images}"] = epochs
        print(f"  it takes {images}: {epochs:.2f} of an epoch; ten are 5 % of a run of {10 * epochs / 0.05:.0f}")


def reading_of(images: int) -> Callable[[], None]:
    readings = run_of("mige", noise=2.0, power="fixed", truth_every=1, truth_images=images)._readings
    assert readings is not None
    return lambda: readings.read(1) and None
