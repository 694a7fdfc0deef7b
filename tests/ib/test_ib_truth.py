"""The true information of the bottleneck and its gradient: against brute force, and what estimators are judged by."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import ib_toys
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from mibench_ib.network import encode, initial_weights
from mibench_population.mixture import Normals
from mibench_population.truth import Batch, Known, Surrogate, Truth, agreed, some_of
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from mibench.cli import main
from mibench.errors import UsageError

SIZE, INPUTS, LATENT = 500, 3, 2


@pytest.fixture
def weights() -> list[Tensor]:
    drawn = initial_weights(INPUTS, (8,), LATENT, 2, torch.Generator().manual_seed(0))
    drawn[3].add_(torch.tensor([0.0, 0.0, 5.0, 5.0]))  # wide noise, under which samples overlap
    return [weight.double().requires_grad_() for weight in drawn]


@pytest.fixture
def population() -> Tensor:
    return torch.randn(1, SIZE, INPUTS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def brute_force(weights: list[Tensor], x: Tensor, z: Tensor) -> Tensor:
    """log p(z|x) - log p(z) for x of the population, with every path to the weights."""
    encoding = encode(weights, x[0])
    own = Independent(Normal(encoding.mean, encoding.std), 1).log_prob(z)
    parts = Independent(Normal(encoding.mean, encoding.std), 1)
    return own - MixtureSameFamily(Categorical(torch.ones(len(z), dtype=z.dtype)), parts).log_prob(z)


def truth_of(weights: list[Tensor], x: Tensor, surrogates: dict[str, Surrogate]) -> dict[str, float]:
    def normals(x: Tensor) -> Normals:
        encoding = encode(weights, x)
        return Normals(encoding.mean, encoding.std)

    known = Known(x, weights[:-2], normals, lambda x: encode(weights, x).distribution())
    reader = Truth(known, 100, torch.Generator().manual_seed(2))
    return {measured.name: measured.value for measured in reader.read(surrogates)}


def test_information_is_that_of_brute_force(weights: list[Tensor], population: Tensor) -> None:
    encoding = encode(weights, population[0])
    draws = [encoding.sample(torch.randn(SIZE, LATENT, dtype=torch.float64)).detach() for _ in range(20)]
    expected = torch.stack([brute_force(weights, population, z) for z in draws]).mean().item()
    measured = truth_of(weights, population, {})
    assert 0.2 < expected < math.log(SIZE) - 1
    assert abs(measured["truth/information"] - expected) < 4 * measured["truth/information_error"]
    assert measured["truth/information/half"] == pytest.approx(expected, abs=0.3)


def test_the_exact_gradient_agrees_with_the_derivative_of_brute_force(
    weights: list[Tensor], population: Tensor
) -> None:
    noise = torch.Generator().manual_seed(3)

    def derivative(batch: Batch) -> Tensor:
        """The mean over the population of many z: every path to the weights, none to the batch."""
        of_all = encode(weights, population[0])
        total = torch.zeros((), dtype=torch.float64)
        for _ in range(20):
            sample = of_all.sample(torch.randn(SIZE, LATENT, generator=noise, dtype=torch.float64))
            total = total + brute_force(weights, population, sample).mean() / 20
        return total + 0 * batch.z.sum()

    measured = truth_of(weights, population, {"": derivative})
    assert measured["truth/cosine/weights"] > 0.9
    assert measured["truth/norm_ratio/weights"] == pytest.approx(1, abs=0.3)


def test_where_every_x_is_told_apart_the_gradient_is_zero_and_information_is_log_n(population: Tensor) -> None:
    weights = [w.double() for w in initial_weights(INPUTS, (8,), LATENT, 2, torch.Generator().manual_seed(0))]
    weights[2] *= torch.tensor([1000.0] * LATENT + [0.0] * LATENT, dtype=torch.float64)[:, None]  # means alone
    weights = [weight.requires_grad_() for weight in weights]
    measured = truth_of(weights, population, {})
    assert measured["truth/information"] == pytest.approx(math.log(SIZE), abs=0.1)
    assert measured["truth/information/half"] == pytest.approx(math.log(SIZE / 2), abs=0.1)
    assert measured["truth/norm"] < 0.1 * measured["truth/norm/entropy"]


def test_an_encoder_that_has_lost_its_noise_is_read_all_the_same(population: Tensor) -> None:
    weights = initial_weights(INPUTS, (8,), LATENT, 2, torch.Generator().manual_seed(0))
    weights[3].sub_(torch.tensor([0.0, 0.0, 80.0, 80.0]))  # the noise of single precision is lost beside the mean
    measured = truth_of([weight.requires_grad_() for weight in weights], population.float(), {})
    assert measured["truth/information"] == pytest.approx(math.log(SIZE), abs=1e-3)
    assert measured["truth/norm"] == 0 < measured["truth/norm/entropy"]


def test_readings_stand_in_the_frame_by_epoch_and_judge_and_move_nothing(run: Callable[..., pd.DataFrame]) -> None:
    plain = run("dvb,mine", epochs=4, beta=10)
    read = run("dvb,mine", epochs=4, beta=10, truth_every=2, judge="exact+mige+dvb")
    truth = read[read["measurement"].str.startswith("truth/")]
    assert set(truth["epoch"].dropna()) == {2, 4}
    place, epoch = ["estimator", "measurement"], truth["epoch"]
    last = [truth[when].set_index(place)["value"].sort_index() for when in (epoch == 4, epoch.isna())]
    pd.testing.assert_series_equal(*last)
    names = set(truth["measurement"])
    assert {"truth/information", "truth/cosine/weights", "truth/cosine/weights/dvb", "truth/cosine/z/mige"} <= names
    exact = truth[truth["measurement"].isin(["truth/cosine/weights/exact", "truth/norm_ratio/weights/exact"])]
    assert len(exact) == 12
    assert exact["value"].to_numpy() == pytest.approx(1, abs=0.01)
    assert "truth/cosine/z/dvb" not in names  # it reads p(z|x) in place of z
    final = [
        frame[frame["epoch"].isna()].set_index(place)["value"].sort_index()
        for frame in (plain, read[~read["measurement"].str.startswith("truth/")])
    ]
    pd.testing.assert_series_equal(*final)


def test_a_judge_has_the_parameters_that_its_selector_gives_it(run: Callable[..., pd.DataFrame]) -> None:
    forms = {"none": "mige", "same": "mige[threshold=0.94]", "other": "mige[threshold=0.5,width=neighbours]"}
    frame = run("dvb", beta=10, truth_every=1, judge="+".join(forms.values()).replace(",", " , "))
    final = frame[frame["epoch"].isna()].set_index("measurement")["value"]
    read = {form: final[f"truth/norm_ratio/z/{name}"] for form, name in forms.items()}
    assert read["none"] == read["same"] != read["other"]


def test_a_part_of_the_images_is_a_population_of_its_own_that_moves_nothing(run: Callable[..., pd.DataFrame]) -> None:
    whole, part = (run("dvb", epochs=2, beta=10, truth_every=1, truth_images=images) for images in (0, 128))
    read = [frame[frame["measurement"] == "truth/information"]["value"].to_numpy() for frame in (whole, part)]
    assert (read[1] < math.log(128) + 0.1).all()
    assert (read[0] > read[1]).all()
    rest = [frame[~frame["measurement"].str.contains("truth/|seconds")]["value"].tolist() for frame in (whole, part)]
    assert rest[0] == rest[1]


def test_a_judge_that_reads_the_population_knows_the_images_of_a_reading(run: Callable[..., pd.DataFrame]) -> None:
    frame = run("dvb", epochs=2, beta=10, truth_every=1, truth_images=128, judge="exact")
    final = frame[frame["epoch"].isna()].set_index("measurement")["value"]
    for place in ("z", "weights"):
        for kind in ("cosine", "norm_ratio"):
            assert final[f"truth/{kind}/{place}/exact"] == pytest.approx(1, abs=1e-3)


def test_the_images_that_are_read_are_the_same_at_every_reading(population: Tensor) -> None:
    some = some_of(population, 100)
    assert some.shape == (1, 100, INPUTS)
    assert torch.equal(some, some_of(population, 100))
    assert len(torch.cat([some[0], population[0]]).unique(dim=0)) == SIZE
    for images in (0, SIZE, 2 * SIZE):
        assert some_of(population, images) is population


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"truth_every": 1, "judge": "mine"}, "mine trains"),
        ({"truth_every": 1, "judge": "ksg"}, "does not estimate the gradient"),
        ({"truth_every": 1, "judge": "oracle"}, "the exact log ratio"),
        ({"truth_every": 1, "judge": "dropout"}, "baseline"),
        ({"truth_every": 1, "judge": "dbv"}, "judge=dbv: .*dvb"),
        ({"truth_every": 1, "judge": "dvb+"}, r"judge=dvb\+: cannot read ''"),
        ({"truth_every": 1, "judge": "mige[treshold=0.5]"}, "judge=.*did you mean threshold"),
        ({"truth_every": 1, "judge": "mige[threshold=0.5|0.9]"}, r"stands for 2 estimators; name each, joined by \+"),
        ({"judge": "dvb"}, "truth_every"),
        ({"truth_images": 500}, "truth_every"),
        ({"truth_every": 1, "truth_images": 60}, "give 64 or more"),
        ({"truth_every": -1}, "truth_every"),
    ],
)
def test_a_judge_that_cannot_judge_is_refused_before_anything_is_run(
    run: Callable[..., pd.DataFrame], cell: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run("dvb", **cell)


def test_the_information_of_a_network_without_noise_is_infinite(run: Callable[..., pd.DataFrame]) -> None:
    frame = run("baseline", truth_every=1)
    assert set(frame["status"]) == {"skipped"}


def test_a_judge_that_a_batch_is_too_small_for_is_named(run: Callable[..., pd.DataFrame]) -> None:
    frame = run("dvb", truth_every=1, judge="mige-calibrated")
    assert set(frame["status"]) == {"skipped"}


def test_vectors_that_are_zero_say_nothing_of_an_agreement() -> None:
    ours = torch.tensor([[1.0, 0.0], [2.0, 2.0], [0.0, 0.0], [3.0, 4.0]])
    exact = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [4.0, 3.0]])
    cosine, ratio = agreed(ours, exact) or (0, 0)
    assert cosine == pytest.approx((1 + 24 / 25) / 2)
    assert ratio == pytest.approx(math.sqrt(34 / 27))
    assert agreed(ours, 0 * exact) is None
    assert agreed(ours / 0, exact) is None


@pytest.mark.parametrize("size", [1e-10, 1e-20, 1e-40])
def test_agreement_has_no_scale(size: float) -> None:
    exact = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
    ours = exact.flip(-1)
    assert agreed(size * ours, size * exact) == pytest.approx(agreed(ours, exact))
    assert agreed(size * exact, exact) == pytest.approx((1, size))


def test_single_precision_loses_no_batch_from_the_noise_floor_near_saturation(weights: list[Tensor]) -> None:
    with torch.no_grad():
        weights[2][:LATENT].mul_(100)  # means so far apart that z tells its x
    single = [weight.detach().float().requires_grad_() for weight in weights]
    x = torch.randn(1, 40, INPUTS, generator=torch.Generator().manual_seed(1))
    measured = truth_of(single, x, {})
    assert measured["truth/information"] == pytest.approx(math.log(40), abs=1e-4)
    assert 0 < measured["truth/norm"] < 1e-3
    assert measured["truth/noise_floor"] < 0.9  # one batch alone would agree with itself


@pytest.mark.parametrize("size", range(4, 9))
def test_four_images_are_enough_for_a_reading(weights: list[Tensor], population: Tensor, size: int) -> None:
    measured = truth_of(weights, population[:, :size], {})
    assert measured["truth/information"] <= math.log(size)
    assert math.isfinite(measured["truth/norm"])


def test_a_judge_without_a_finite_gradient_is_refused_before_anything_is_trained(
    run: Callable[..., pd.DataFrame],
) -> None:
    frame = run("dvb", epochs=2, truth_every=1, judge="gauss")
    assert set(frame["status"]) == {"skipped"}


@pytest.mark.parametrize(
    ("judge", "status", "message"),
    [
        ("raises", "failed", "judge raises: RuntimeError: it broke"),
        ("graphless", "failed", "judge graphless: expected `surrogate` of .* to have an autograd graph"),
        ("shapeless", "failed", r"judge shapeless: expected `surrogate` of .* got one of shape \(1, 16\)"),
        ("backwards", "failed", "judge backwards: RuntimeError: its gradient broke"),
        ("unmade", "failed", "judge unmade: RuntimeError: it was not made"),
        ("unfit", "skipped", "judge unfit: it does not fit"),
    ],
)
def test_a_judge_that_fails_is_named_and_the_estimator_that_trains_is_not_blamed(
    judge: str, status: str, message: str, tmp_path: Path
) -> None:
    task = f"ib[dataset=digits,hidden=8,latent=2,batch=16,epochs=1,samples=2,truth_every=1,judge={judge}]"
    common = ["--seeds", "1", "--device", "cpu", "-p", ib_toys.FILE, "--results", str(tmp_path)]
    done = CliRunner().invoke(main, ["run", "-e", "dvb", "-t", task, *common])
    assert re.search(f"1 x {status}: dvb: .*{message}", done.stderr)
    assert "keep the contract" not in done.stderr
