"""Noise on Y makes its information finite and its law known; readings of both move nothing of the trial."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from dim_cases import cell, context
from mibench_dim.infomax import Cell, _Run
from mibench_population.components import components_of
from torch import Tensor
from torch.testing import assert_close

from mibench.contracts import Estimator, Problem
from mibench.errors import PluginError, UnfitError
from mibench.outcome import Measurement
from mibench.training import restore, snapshot

NOISE = 0.3


def run_of(selector: str, judges: tuple[str, ...] = (), **changes: Any) -> _Run:
    return _Run(cell(noise=NOISE, **changes), context(selector, judges=judges))


def weights(run: _Run) -> list[Tensor]:
    return [value.clone() for value in run._learner.encoder.state_dict().values()]


def numbers(measured: list[Measurement]) -> dict[str, float]:
    return {m.name: m.value for m in measured if not m.name.endswith("seconds")}


@pytest.mark.parametrize("power", ["free", "fixed"])
def test_noise_is_added_to_what_the_estimator_sees_and_to_nothing_else(power: str) -> None:
    run = run_of("mige", power=power)
    learner = run._learner
    inputs = run._images.take(slice(200))
    features = learner.channel.encode(inputs)
    _, y = learner.objective.pair(inputs, features)
    sent = features.y if power == "free" else (features.y - features.y.mean(0)) / features.y.std(0, correction=0)
    noise = (y[0] - sent) / NOISE
    assert noise.std().item() == pytest.approx(1, abs=0.1)
    assert noise.mean().item() == pytest.approx(0, abs=0.1)
    assert not torch.equal(learner.objective.pair(inputs, features)[1], y)


def test_the_encoder_its_probes_and_the_order_of_images_are_those_of_a_trial_without_noise() -> None:
    silent, noisy = (_Run(cell(noise=noise, prior_matching=True), context()) for noise in (0.0, NOISE))
    for ours, theirs in zip(weights(silent), weights(noisy), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(silent._learner.noise.get_state(), noisy._learner.noise.get_state())
    discriminators = (run._learner.prior.discriminator.state_dict().values() for run in (silent, noisy))
    assert all(torch.equal(a, b) for a, b in zip(*discriminators, strict=True))


@pytest.mark.parametrize("power", ["free", "fixed"])
def test_the_population_follows_the_law_of_the_batch_that_is_trained_on(power: str) -> None:
    """Images of the batch, encoded as a part of the population, are what training made of them; averages are not."""
    run = run_of("exact", power=power)
    encoder, channel = run._learner.encoder, run._learner.channel
    before = weights(run)
    channel.encode(run._images.take(slice(64)))
    means = components_of(channel.conditional, channel.population()).mean[0]
    assert_close(means[:64], channel.signal[0], rtol=1e-3, atol=1e-4)
    averaged = torch.cat([chunk.y for chunk in encoder.chunks(run._images)])
    assert (averaged - means).abs().mean() > 0.1 * means.std()
    moved = [not torch.equal(a, b) for a, b in zip(before, weights(run), strict=True)]
    assert sum(moved) == 4 * 3  # running averages and counts, by the batch alone


def test_information_at_fixed_power_stays_below_the_capacity_of_the_channel() -> None:
    noise = 2.0
    run = _Run(cell(noise=noise, power="fixed", truth_every=1, learning_rate=1e-2), context("exact"))
    for number in (1, 2):
        measured = numbers(run._epoch(number))
        capacity = 8 / 2 * math.log(1 + noise**-2)
        assert 0.1 < measured["truth/information"] < capacity + 4 * measured["truth/information_error"]


def derivative(run: _Run, images: int) -> Tensor:
    """dI in the encoder's weights by every path, of the population with the statistics of its first images."""
    encoder, channel = run._learner.encoder.train(), run._learner.channel
    features = encoder(run._images.take(slice(images)))
    y = features.y.double()
    noise = torch.Generator().manual_seed(0)
    total = torch.zeros((), dtype=torch.float64)
    for _ in range(60):
        z = y + channel.noise * torch.randn(y.shape, generator=noise, dtype=torch.float64)
        own = -(z - y).square().sum(-1) / (2 * channel.noise**2)
        others = -torch.cdist(z, y).square() / (2 * channel.noise**2)
        total = total + (own - others.logsumexp(-1)).mean() / 60
    gradient = torch.autograd.grad(total, list(encoder.parameters()))
    return torch.cat([part.flatten() for part in gradient])


def test_exact_trains_by_the_derivative_of_the_information_of_the_whole_population() -> None:
    """All images in one batch, so that the statistics of its norms are those of the population."""
    run = run_of("exact", batch=256)
    learner = run._learner
    expected = derivative(run, 256)
    inputs = run._images.take(slice(None))
    total = torch.zeros_like(expected)
    for _ in range(40):
        features = learner.channel.encode(inputs)
        x, y = learner.objective.pair(inputs, features)
        gradient = torch.autograd.grad(learner.objective.surrogate(x, y), list(learner.encoder.parameters()))
        total += torch.cat([part.flatten() for part in gradient])
    assert torch.cosine_similarity(total, expected, dim=0) > 0.95
    assert (total / 40).norm() / expected.norm() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("selector", ["mige", "jsd", "exact[direction=random]", "untrained"])
def test_readings_move_nothing_of_the_trial(selector: str) -> None:
    plain, read = run_of(selector), run_of(selector, judges=("mige", "mige-rp[k=4]"), truth_every=1, judge="mige")
    for number in (1, 2, 3, 4):
        ours, theirs = (numbers(run._epoch(number)) for run in (plain, read))
        names = {name for name in theirs if name.startswith("truth/")}
        assert bool(names) == (number <= 2)
        assert {name: value for name, value in theirs.items() if name not in names} == ours
    for a, b in zip(weights(plain), weights(read), strict=True):
        assert torch.equal(a, b)


def test_a_reading_has_the_exact_gradient_agree_with_itself_and_says_what_noise_costs() -> None:
    run = run_of("exact", judges=("exact", "mige"), truth_every=2, judge="exact+mige", epochs=3)
    measured = run.measure()
    ends = {m.name: m for m in measured if m.epoch is None}
    for place in ("weights", "batch", "z"):
        assert ends[f"truth/cosine/{place}/exact"].value == pytest.approx(ends[f"truth/cosine/{place}"].value, abs=1e-3)
    assert ends["truth/cosine/z"].value == pytest.approx(1, abs=1e-3)
    assert ends["truth/cosine/z/exact"].truth == 1.0
    assert 0 < ends["truth/cosine/weights"].value < 1.001
    assert 0 < ends["truth/information"].value < math.log(256)
    assert ends["truth/information/quarter"].value < ends["truth/information"].value < math.log(256)
    assert [m.epoch for m in measured if m.name == "truth/noise_floor"] == [None, 2, 3]


def test_a_reading_of_some_images_is_of_so_many() -> None:
    run = run_of("mige", truth_every=1, truth_images=128, batch=16)
    assert run._readings is not None
    run._epoch(1)
    measured = {measurement.name: measurement.value for measurement in run._readings.read(1)}
    assert 0 < measured["truth/information"] < math.log(128) + 0.1


def test_a_judge_that_reads_the_population_knows_the_images_of_a_reading() -> None:
    run = run_of("exact", judges=("exact",), judge="exact", truth_every=1, truth_images=128, batch=16)
    assert run._readings is not None
    run._epoch(1)
    measured = {measurement.name: measurement.value for measurement in run._readings.read(1)}
    assert measured["truth/cosine/z/exact"] == pytest.approx(1, abs=1e-3)
    assert measured["truth/norm_ratio/z/exact"] == pytest.approx(1, abs=1e-3)
    assert measured["truth/cosine/z"] < 0.999  # it trains with all images


def test_a_trial_with_noise_goes_on_from_a_checkpoint_as_if_nothing_had_happened() -> None:
    asked = cell(noise=NOISE, truth_every=1)
    selector = "exact[components=100]"
    whole = _Run(asked, context(selector))
    expected = [numbers(whole._epoch(number)) for number in (1, 2, 3)]
    saved, resumed = None, []
    for number in (1, 2, 3):
        run = _Run(asked, context(selector))
        if saved is not None:
            restore(run._learner, saved)
        resumed.append(numbers(run._epoch(number)))
        saved = snapshot(run._learner)
    assert resumed == expected


def test_a_checkpoint_holds_no_images() -> None:
    run = run_of("exact")
    run._epoch(1)

    def sizes(saved: Any) -> int:
        if isinstance(saved, Tensor):
            return saved.numel()
        children = saved.values() if isinstance(saved, dict) else saved if isinstance(saved, list) else []
        return sum(map(sizes, children))

    assert sizes(snapshot(run._learner)) < 256 * 3 * 32 * 32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": -1.0}, "`noise` is at least 0"),
        ({"noise": math.inf}, "finite"),
        ({"noise": math.nan}, "finite"),
        ({"noise": 1e-9}, "lost beside Y in float32"),
        ({"noise": 1.0, "mode": "local"}, "global mode"),
        ({"power": "fixed"}, "give noise too"),
        ({"truth_every": 1}, "infinite without noise"),
        ({"noise": 1.0, "truth_every": -1}, "`truth_every` is at least 0"),
        ({"noise": 1.0, "judge": "mige"}, "judge=mige is read every"),
        ({"noise": 1.0, "truth_every": 1, "truth_images": 9}, "leaves no batch of"),
    ],
)
def test_noise_and_readings_that_mean_nothing_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cell(**changes)


@pytest.mark.parametrize("noise", [1e-9, 1e9])
def test_the_noise_that_a_refusal_names_is_taken(noise: float) -> None:
    with pytest.raises(ValueError, match="lost") as caught:
        Cell(noise=noise)
    Cell(noise=float(str(caught.value).split()[-1]))


@pytest.mark.parametrize(
    ("selector", "changes", "message"),
    [
        ("exact", {"noise": 0.0}, "exact reads p.Y.image., which has no noise, so that information is infinite"),
        ("exact", {"noise": 1.0, "x": "conv"}, "not known of x=conv: use x=image"),
        ("dvb", {"noise": 0.0}, "dvb reads"),
        ("mige[conditional=closed]", {"noise": 0.0}, "needs p.y.x."),
    ],
)
def test_what_is_not_known_of_y_is_said_before_anything_is_trained(
    selector: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnfitError, match=message):
        _Run(cell(**changes), context(selector))


@pytest.mark.parametrize(("selector", "changes"), [("exact", {}), ("mige", {"truth_every": 1})])
def test_a_population_beyond_memory_is_refused_with_its_size_before_anything_is_trained(
    selector: str, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mibench_dim.channel.memory", lambda: 2**20)
    with pytest.raises(UnfitError, match=r"256 images of 3072 numbers takes 0\.0 GiB while it is made"):
        run_of(selector, **changes)
    run_of("mige")  # needs no population


def test_a_judge_that_does_not_know_enough_is_named() -> None:
    with pytest.raises(UnfitError, match="judge exact: exact needs the population"):
        run_of("mige", judges=("exact",), x="conv", truth_every=1, judge="exact")


class Broken(Estimator):
    """It cannot be made, or its surrogate raises."""

    def __init__(self, problem: Problem, where: str) -> None:
        super().__init__(None, problem)
        if where == "made":
            raise RuntimeError("it broke")

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        raise RuntimeError("it broke")


@pytest.mark.parametrize("where", ["made", "asked"])
def test_a_judge_that_fails_is_named(where: str) -> None:
    judged = replace(context("mige"), judges={"broken": lambda problem: Broken(problem, where)})
    with pytest.raises(PluginError, match=r"^judge broken: RuntimeError: it broke$"):
        _Run(cell(noise=NOISE, truth_every=1, judge="broken"), judged).measure()
