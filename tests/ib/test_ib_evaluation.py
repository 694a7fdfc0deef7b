"""Rates, information and reliability against closed forms."""

import math

import pytest
import torch
from mibench_ib import evaluation
from mibench_ib.average import Average
from mibench_ib.network import Encoding, encode, initial_weights
from torch.distributions import Normal, kl_divergence


def gaussian(n: int, d: int, sigma: float) -> Encoding:
    """z = x + sigma eps for x of unit variance: I(Z;X) = d/2 log(1 + 1/sigma^2)."""
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return Encoding(x, torch.full_like(x, sigma))


def test_the_rate_is_the_divergence_from_the_prior() -> None:
    encoding = Encoding(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 3.0]]))
    expected = kl_divergence(Normal(encoding.mean, encoding.std), Normal(0.0, 1.0)).sum()
    assert evaluation.rate(encoding) == pytest.approx(expected.item(), rel=1e-6)


def test_the_fitted_rate_is_exact_for_a_gaussian_and_does_not_see_its_scale() -> None:
    encoding = gaussian(4000, 3, 0.5)
    assert evaluation.fitted_rate(encoding) == pytest.approx(1.5 * math.log(5), abs=0.05)
    scaled = Encoding(100 * encoding.mean, 100 * encoding.std)
    assert evaluation.fitted_rate(scaled) == pytest.approx(evaluation.fitted_rate(encoding), rel=1e-9)
    assert evaluation.rate(scaled) > 1000


def test_information_is_that_of_the_gaussian_channel_and_never_above_log_n() -> None:
    encoding = gaussian(4000, 1, 0.5)
    noise = torch.randn(4000, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert evaluation.information(encoding, noise) == pytest.approx(math.log(5) / 2, abs=0.03)
    sharp = gaussian(300, 8, 1e-3)
    value = evaluation.information(sharp, noise[:300].expand(300, 8))
    assert value == pytest.approx(math.log(300), abs=1e-9)


def test_a_calibrated_answer_has_no_calibration_error() -> None:
    p = torch.tensor([[0.75, 0.25]]).expand(400, 2)
    labels = (torch.arange(400) % 4 == 0).long()
    measured = {measurement.name: measurement.value for measurement in evaluation.reliability(p, labels)}
    assert measured["calibration_error"] == pytest.approx(0, abs=1e-4)
    assert measured["reliability/11/accuracy"] == pytest.approx(75)
    overconfident = {measurement.name: measurement.value for measurement in evaluation.reliability(p, 1 - labels)}
    assert overconfident["calibration_error"] == pytest.approx(50, abs=1e-4)


def test_error_rates_are_of_the_average_over_samples() -> None:
    logits = torch.tensor([[[0.6, 0.4]], [[0.1, 0.9]]]).log()  # the first sample is wrong, the average is right
    measured = {measurement.name: measurement.value for measurement in evaluation.errors(logits, torch.tensor([1]))}
    assert (measured["error_rate"], measured["error_rate/single"]) == (0, 100)
    assert measured["cross_entropy"] == pytest.approx(-math.log(0.65), rel=1e-5)


def test_the_cross_entropy_is_finite_where_a_softmax_underflows() -> None:
    logits = torch.tensor([[[0.0, 200.0]], [[0.0, 300.0]]])
    expected = -math.log((math.exp(-200) + math.exp(-300)) / 2)
    assert evaluation.cross_entropy(logits, torch.tensor([0])) == pytest.approx(expected, rel=1e-12)


def test_the_average_of_weights_is_corrected_for_its_start() -> None:
    weight = torch.tensor([2.0])
    average = Average([weight], 0.999)
    average.update([weight])
    torch.testing.assert_close(average.weights()[0], weight)
    weight.fill_(4.0)
    average.update([weight])
    torch.testing.assert_close(average.weights()[0], torch.tensor([(0.999 * 2 + 4) / 1.999]))


def test_initial_weights_are_drawn_from_the_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    weights, again = (initial_weights(6, (5,), 2, 3, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert [tuple(weight.shape) for weight in weights] == [(5, 6), (5,), (4, 5), (4,), (3, 2), (3,)]
    assert all(torch.equal(a, b) for a, b in zip(weights, again, strict=True))
    assert (encode(weights, torch.zeros(1, 6)).std < 0.01).all()  # softplus(-5)
