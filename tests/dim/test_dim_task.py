"""The encoder learns from images alone, is frozen, and tells more of what it saw than chance."""

import math
from pathlib import Path

import pytest
import torch
from dim_cases import CLASSES, FOLDER, blocks, cell, context, images, measure
from mibench_dim import load_encoder, probe_encoder
from mibench_dim.encoder import Encoder
from mibench_dim.infomax import Cell, DeepInfoMax, _Run
from mibench_dim.probes import Labelled, Probes, shuffled

import mibench
from mibench.errors import DataError, DivergedError, UnfitError, UsageError


@pytest.mark.parametrize("estimator", ["jsd", "infonce", "mine", "smile"])
def test_the_objective_rises(estimator: str) -> None:
    curve = measure(estimator, epochs=6, batch=32).curve("objective")
    assert len(curve) == 6
    assert curve[-1] > curve[0] + 0.05


@pytest.mark.parametrize("estimator", ["jsd", "infonce"])
def test_the_local_objective_rises(estimator: str) -> None:
    curve = measure(estimator, epochs=3, batch=32, mode="local").curve("objective")
    assert curve[-1] > curve[0] + 0.05


@pytest.mark.parametrize("selector", ["mige", "mige-rp[k=32]", "jsd", "mige[calibration=diagonal]", "rsm"])
@pytest.mark.parametrize("prior_matching", [False, True])
def test_probes_beat_chance_on_separable_images(selector: str, prior_matching: bool) -> None:
    outcome = measure(selector, epochs=3, probe_epochs=10, prior_matching=prior_matching, probe_learning_rate=1e-2)
    for layer in ("conv", "fc", "Y"):
        assert outcome.end(f"accuracy/{layer}") > 2 * 100 / CLASSES
        assert outcome.end(f"best_accuracy/{layer}") == max(outcome.curve(f"accuracy/{layer}"))
        assert outcome.end(f"accuracy/{layer}") == outcome.curve(f"accuracy/{layer}")[-1]
    assert 1 < outcome.end("effective_rank") <= 8
    assert outcome.end("std") > 0


@pytest.mark.parametrize("selector", ["mige", "rsm", "exact", "l1out[conditional=known,memory=16]"])
def test_scores_times_samples_are_no_objective_to_report(selector: str) -> None:
    assert "objective" not in measure(selector, epochs=1, probe_epochs=1, x="image", noise=1.0).names()


@pytest.mark.parametrize("selector", ["dvb", "l1out"])
def test_an_objective_is_the_value_of_the_batches(selector: str) -> None:
    outcome = measure(selector, epochs=1, probe_epochs=1, batch=256, x="image", noise=1.0)
    run = _Run(cell(epochs=1, batch=256, x="image", noise=1.0), context(selector))
    learner = run._learner
    inputs = run._images.take(shuffled(len(run._images), 256, learner.noise)[0])
    value = learner.objective._estimator.mi(*learner.objective.pair(inputs, learner._encode(inputs, "float32")))
    assert outcome.end("objective") == pytest.approx(value.item(), rel=1e-5)


def test_a_batch_that_the_encoder_cannot_have_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^batch=257 is more than the 256 images of blocks that the encoder learns"):
        DeepInfoMax().prepare([cell(), cell(batch=257)], FOLDER)
    assert DeepInfoMax().prepare([cell(batch=256)], FOLDER) == ["blocks: made up"]


def test_the_encoder_stays_as_it_was_while_probes_train() -> None:
    run = _Run(cell(probe_epochs=3), context())
    run._epoch(1)
    run._epoch(2)
    before = {name: value.clone() for name, value in run._learner.encoder.state_dict().items()}
    outcomes = [run._epoch(number) for number in (3, 4, 5)]
    after = run._learner.encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    accuracies = {m.value for measured in outcomes for m in measured if m.name == "accuracy/conv"}
    assert len(accuracies) > 1


def test_a_trial_draws_nothing_from_the_global_generator() -> None:
    before = torch.random.get_rng_state()
    measure("jsd", prior_matching=True)
    measure("infonce", mode="local")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_estimators_start_from_the_same_encoder_and_order() -> None:
    mige, jsd = (_Run(cell(), context(selector))._learner for selector in ("mige", "jsd"))
    weights = zip(mige.encoder.state_dict().values(), jsd.encoder.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)
    assert torch.equal(mige.noise.get_state(), jsd.noise.get_state())


def test_mige_ascends_its_surrogate_between_image_and_representation() -> None:
    """The step's direction is that of Algorithm 1, written out: scores of Y and of (x, Y), through Y alone."""
    from mibench_mige import ssge_score

    learner = _Run(cell(), context("mige"))._learner
    inputs = torch.rand(32, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    features = learner.encoder.train()(inputs)
    x, y = learner.objective.pair(inputs, features)
    assert not x.requires_grad
    ours = torch.autograd.grad(learner.objective.surrogate(x, y), features.y, retain_graph=True)[0]
    joint = ssge_score(torch.cat([inputs.flatten(1), features.y], 1))[:, -8:]
    expected = (joint - ssge_score(features.y)) / 32
    assert torch.allclose(ours, expected, rtol=1e-3, atol=1e-5)


def test_the_untrained_baseline_keeps_its_weights_and_follows_the_data_with_its_norms() -> None:
    run = _Run(cell(), context("untrained"))
    encoder = run._learner.encoder
    weights = [weight.clone() for weight in encoder.parameters()]
    average = encoder.hidden[1].running_mean.clone()
    names = {measurement.name for measurement in run._epoch(1)}
    assert all(torch.equal(weight, before) for weight, before in zip(encoder.parameters(), weights, strict=True))
    assert not torch.equal(encoder.hidden[1].running_mean, average)
    assert names == {"std", "effective_rank", "epoch_seconds"}
    assert not any(name.startswith("x_dimension") for name in measure("untrained").names())


def test_what_each_estimator_sees_of_x_is_on_record() -> None:
    assert measure("mige", epochs=1, probe_epochs=1).end("x_dimension/image") == 3 * 32 * 32
    assert measure("jsd", epochs=1, probe_epochs=1).end("x_dimension/conv") == 32 * 4 * 4
    assert measure("mige", epochs=1, probe_epochs=1, x="conv").end("x_dimension/conv") == 32 * 4 * 4
    assert measure("jsd", epochs=1, probe_epochs=1, x="image").end("x_dimension/image") == 3 * 32 * 32
    assert measure("mige", epochs=1, probe_epochs=1, mode="local").end("x_dimension/local") == 16


def test_a_critic_that_local_mode_would_ignore_is_refused() -> None:
    with pytest.raises(UnfitError, match="none of hidden"):
        measure("jsd[hidden=64]", mode="local")


def test_confusion_adds_up_to_every_class() -> None:
    outcome = measure("mige")
    for true in range(CLASSES):
        assert math.isclose(sum(outcome.end(f"confusion/{true}/{named}") for named in range(CLASSES)), 100)


def test_numbers_that_are_lost_end_the_trial_as_diverged() -> None:
    with pytest.raises(DivergedError, match="not finite after epoch 1"):
        measure("jsd", learning_rate=1e30)


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_lower_precision_learns_too(precision: str) -> None:
    outcome = measure("mige", epochs=3, probe_epochs=10, probe_learning_rate=1e-2, precision=precision)
    assert outcome.end("accuracy/Y") > 2 * 100 / CLASSES


def test_precision_is_put_back() -> None:
    before = torch.backends.cuda.matmul.fp32_precision
    measure("mige", epochs=1, probe_epochs=1, precision="tf32")
    assert torch.backends.cuda.matmul.fp32_precision == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "local", "x": "image"}, "in local mode"),
        ({"channels": (8,)}, "2 to 5 convolutions"),
        ({"epochs": 0}, "`epochs` is at least 1, not 0"),
        ({"learning_rate": 0.0}, "`learning_rate` is above 0, not 0.0"),
    ],
)
def test_cells_that_mean_nothing_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cell(**changes)


def test_an_exported_encoder_comes_back_and_is_probed_again(tmp_path: Path) -> None:
    measure("mige", artifacts=tmp_path, epochs=3)
    encoder = load_encoder(tmp_path / "encoder.safetensors")
    data = blocks(None, False)
    again = {
        measurement.name: measurement.value
        for measurement in probe_encoder(encoder, data, epochs=10, learning_rate=1e-2)
    }
    assert min(again[f"accuracy/{layer}"] for layer in ("conv", "fc", "Y")) > 2 * 100 / CLASSES
    run = _Run(cell(epochs=3), context("mige"))
    for number in (1, 2, 3):
        run._epoch(number)
    mine, theirs = run._learner.encoder.encode(data.test.images), encoder.encode(data.test.images)
    assert torch.equal(mine.y, theirs.y)
    assert torch.equal(mine.conv, theirs.conv)


def test_a_file_that_holds_no_encoder_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    with pytest.raises(DataError, match="holds no encoder"):
        load_encoder(path)
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(DataError, match="holds no encoder"):
        load_encoder(path)


def test_every_encoder_halves_its_input_at_each_convolution() -> None:
    run = _Run(Cell(dataset="blocks", epochs=1, probe_epochs=1), context())
    features = run._learner.encoder.encode(images(2))
    assert [tuple(layer.shape) for layer in vars(features).values()] == [(2, 64, 128), (2, 4096), (2, 1024), (2, 64)]


def test_evaluation_does_not_depend_on_what_else_is_in_the_batch() -> None:
    encoder = _Run(cell(), context())._learner.encoder
    assert isinstance(encoder, Encoder)
    many = images(5)
    assert torch.allclose(encoder.encode(many).y[:1], encoder.encode(many[:1]).y, atol=1e-5)


def test_the_harness_runs_several_trials_at_once(tmp_path: Path) -> None:
    frame = mibench.run(["mige"], "dim", profile="smoke", seeds=2, batch=2, results=tmp_path, device="cpu")
    assert set(frame["status"]) == {"ok"}
    assert frame["seed"].nunique() == 2
    assert len(list(tmp_path.glob("artifacts/*/encoder.safetensors"))) == 2
    assert FOLDER.identify("blocks") == "blocks: made up"


def test_the_rate_of_probes_falls_to_a_tenth_after_epochs_50_and_100() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(8, 2, generator=generator)
    probes = Probes({"Y": 2}, 2, 1e-3, generator, features)
    data = Labelled({"Y": features}, torch.tensor([0, 1] * 4))
    rates = {}
    for epoch in (1, 50, 51, 100, 101, 150):
        probes.train(data, epoch, 8, generator)
        rates[epoch] = probes.optimiser.learning_rate
    assert rates == pytest.approx({1: 1e-3, 50: 1e-3, 51: 1e-4, 100: 1e-4, 101: 1e-5, 150: 1e-5})
