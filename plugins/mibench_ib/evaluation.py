r"""What is measured of a trained network on the test set.

- Error rates: of the softmax averaged over samples of z, and of one sample.
- The rate, :math:`\mathbb{E} \, \mathrm{KL}(p(z \mid x) \,\|\, N(0, I))`, which bounds I(Z;X) from above (Alemi et al.,
  ICLR 2017, Eq. 14), and the same against the normal with the moments of z (`rate/fitted`),
  :math:`\sum_j [\log \mathrm{std}(z_j) - \mathbb{E} \log \mathrm{std}(z_j \mid x)]`, a bound that does not change with
  the scale of z.
- I(Z;X) itself for x uniform on the test set,
  :math:`\mathbb{E}[\log p(z \mid x) - \log \frac{1}{n} \sum_j p(z \mid x_j)]`, which cannot exceed log n.
- How far confidence is from accuracy, by bins of confidence (Guo et al., ICML 2017).
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import nll_loss

from mibench.contracts import Measurement
from mibench_ib.network import Encoding, Weights, decode

BINS = 15
_ROWS = 500


def logits(
    weights: Weights, encoding: Encoding, noise: Float[Tensor, "samples n latent"] | None
) -> Float[Tensor, "samples n classes"]:
    """Those of each sample of z; of one, at the mean, without noise."""
    return decode(weights, encoding.mean[None] if noise is None else encoding.sample(noise))


def error_rate(p: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> float:
    """Share of wrong answers in percent."""
    return 100 * (p.argmax(-1) != labels).double().mean().item()


def rate(encoding: Encoding) -> float:
    """E KL(p(z|x) || N(0, I)) in nats."""
    mean, std = encoding.mean.double(), encoding.std.double()
    return ((mean.square() + std.square() - 1) / 2 - std.log()).sum(-1).mean().item()


def fitted_rate(encoding: Encoding) -> float:
    """E KL(p(z|x) || normal with the moments of z, coordinate by coordinate) in nats."""
    return (deviation(encoding).log() - encoding.std.double().log().mean(0)).sum().item()


def deviation(encoding: Encoding) -> Float[Tensor, " latent"]:
    """The standard deviation of each z_j."""
    mean, std = encoding.mean.double(), encoding.std.double()
    return (mean.var(0, correction=0) + std.square().mean(0)).sqrt()


def information(encoding: Encoding, noise: Float[Tensor, "n latent"]) -> float:
    """I(Z;X) in nats for x uniform on the n encoded samples, from one z each."""
    mean, std = encoding.mean.double(), encoding.std.double()
    z, precision, n = encoding.sample(noise).double(), std.square().reciprocal(), len(mean)
    constant = (mean.square() * precision).sum(-1) / 2 + std.log().sum(-1)  # (n,)
    own = -((z - mean).square() * precision).sum(-1) / 2 - std.log().sum(-1)
    others = [
        (rows @ (mean * precision).T - rows.square() @ precision.T / 2 - constant).logsumexp(-1)
        for rows in z.split(_ROWS)
    ]
    return (own - torch.cat(others)).mean().item() + math.log(n)


def reliability(p: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> list[Measurement]:
    """Confidence, accuracy and share of the answers in each bin of confidence, and the expected calibration error."""
    confidence, answer = p.double().max(-1)
    right = (answer == labels).double()
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    measured: list[Measurement] = []
    gap = 0.0
    for index in bins.unique().tolist():
        inside = bins == index
        share, sure, accurate = (
            column.mean().item() for column in (inside.double(), confidence[inside], right[inside])
        )
        gap += share * abs(sure - accurate)
        name = f"reliability/{index:02}"
        measured += [
            Measurement(f"{name}/confidence", 100 * sure, unit="%"),
            Measurement(f"{name}/accuracy", 100 * accurate, unit="%"),
            Measurement(f"{name}/share", 100 * share, unit="%"),
        ]
    return [Measurement("calibration_error", 100 * gap, unit="%"), *measured]


def cross_entropy(answers: Float[Tensor, "samples n classes"], labels: Int[Tensor, " n"]) -> float:
    """That of the softmax averaged over samples of z in nats; finite where a softmax underflows."""
    average = answers.double().log_softmax(-1).logsumexp(0) - math.log(len(answers))
    return nll_loss(average, labels).item()


def errors(
    answers: Float[Tensor, "samples n classes"], labels: Int[Tensor, " n"], suffix: str = ""
) -> list[Measurement]:
    """Error rates and cross-entropy of logits whose softmax is averaged over samples of z, and of single ones."""
    p = answers.softmax(-1)
    measured = [
        Measurement(f"error_rate{suffix}", error_rate(p.mean(0), labels), unit="%"),
        Measurement(f"cross_entropy{suffix}", cross_entropy(answers, labels)),
    ]
    if len(p) > 1:
        measured.append(Measurement(f"error_rate/single{suffix}", error_rate(p[0], labels), unit="%"))
    return measured


def rates(encoding: Encoding, suffix: str = "") -> list[Measurement]:
    """Bounds of I(Z;X), in nats and in bits, and the scale of z."""
    bounds = {"rate": rate(encoding), "rate/fitted": fitted_rate(encoding)}
    nats = [Measurement(f"{name}{suffix}", value) for name, value in bounds.items()]
    bits = [Measurement(f"{name}/bits{suffix}", value / math.log(2), unit="bits") for name, value in bounds.items()]
    scale = deviation(encoding).square().mean().sqrt().item()
    return [*nats, *bits, Measurement(f"z_std{suffix}", scale, unit="")]
