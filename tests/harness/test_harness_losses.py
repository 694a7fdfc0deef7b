"""An estimator of `probe` is a loss for an encoder of one's own: it moves the encoder and nothing else."""

import importlib.util
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

import mibench
from mibench.checks import is_on
from mibench.errors import PluginError, UnfitError, UsageError
from mibench.specs import EstimatorSpec
from mibench.training import restore, snapshot, tensors

ROOT = Path(__file__).resolve().parents[2]
TRAINED = ["infonce", "jsd", "mine"]
BATCH, DX, DY = 64, 6, 3


class Products(mibench.Estimator):
    """An estimator without a spec."""

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return (x.sum(-1) * y.sum(-1)).mean(-1)


def batch(seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(BATCH, DX, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def encoder() -> nn.Linear:
    made = nn.Linear(DX, DY, bias=False)
    with torch.no_grad():
        made.weight.copy_(batch()[:DY])
    return made


def gradient(information: mibench.Estimator, x: Tensor) -> Tensor:
    made = encoder().to(x.dtype)
    z = made(x) + 0.5 * batch(1).to(x.dtype)[:, :DY]
    information.update(x, z)
    assert made.weight.grad is None
    information.surrogate(x, z).backward()
    assert made.weight.grad is not None
    return made.weight.grad


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """`examples/own_encoder.py`."""
    spec = importlib.util.spec_from_file_location("own_encoder", ROOT / "examples" / "own_encoder.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("selector", "least"), [("mige", 1.4), ("infonce", 0.4), ("rsm", 1.4)])
def test_an_encoder_that_is_trained_by_an_estimator_gains_information_in_truth(
    example: Any, selector: str, least: float
) -> None:
    outcome = example.train(selector, epochs=4)
    assert outcome.after - outcome.before > least
    assert outcome.after < example.CAPACITY + 0.1
    assert math.isnan(outcome.said) == (selector == "mige")


def test_another_draw_of_noise_is_not_taken_for_a_gain(example: Any) -> None:
    x, generator = example.points(3.0, 0), torch.Generator().manual_seed(5)
    first, second = (example.truth(example.make_encoder(0), x, generator) for _ in range(2))
    assert first == pytest.approx(second, abs=0.1)


@pytest.mark.parametrize("selector", ["mige", "rsm", "gauss", *TRAINED])
def test_the_surrogate_is_a_scalar_that_moves_the_encoder_and_not_the_estimator(selector: str) -> None:
    information = mibench.probe(selector, DX, DY)
    assert gradient(information, batch()).norm() > 0
    weights = [tensor for _, tensor in tensors(information) if tensor.requires_grad]
    assert bool(weights) == (selector in TRAINED)
    assert all(weight.grad is None for weight in weights)
    assert information.surrogate(batch(), batch()[:, :DY]).shape == ()


def test_a_seed_gives_one_estimator() -> None:
    same, again, other = (gradient(mibench.probe("infonce", DX, DY, seed=seed), batch()) for seed in (3, 3, 4))
    assert torch.equal(same, again)
    assert not torch.equal(same, other)


def test_nothing_is_drawn_from_the_global_generator() -> None:
    state = torch.get_rng_state()
    information = mibench.probe("mine", DX, DY)
    information.update(batch(), batch()[:, :DY])
    information.surrogate(batch(), batch()[:, :DY])
    assert torch.equal(state, torch.get_rng_state())


def test_an_estimator_has_the_dtype_that_was_asked_for() -> None:
    assert gradient(mibench.probe("infonce", DX, DY, dtype=torch.float64), batch(dtype=torch.float64)).norm() > 0


@pytest.mark.parametrize("selector", ["mine", "infonce", "club", "njee", "mige-dsm", "flow-matching", "l1out"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_samples_of_another_dtype_than_the_weights_are_refused_in_one_line(selector: str, dtype: torch.dtype) -> None:
    information = mibench.probe(selector, DX, DY)
    x, z = batch(), batch(1)[:, :DY]
    for name, pair in (("x", (x.to(dtype), z.to(dtype))), ("x", (x.to(dtype), z)), ("y", (x, z.to(dtype)))):
        for method in (information.update, information.mi, information.surrogate):
            if method.__func__ in {mibench.Estimator.mi, mibench.Estimator.surrogate}:
                continue
            with pytest.raises(
                ValueError, match=f"^{name} is {dtype}, and this estimator was made for torch.float32: "
            ) as caught:
                method(*pair)
            assert str(caught.value).endswith(f"pass {name}.float(), or make it by probe(..., dtype={dtype})")


def test_weights_in_double_precision_refuse_single_precision() -> None:
    with pytest.raises(ValueError, match=r"pass x.double\(\), or"):
        mibench.probe("infonce", DX, DY, dtype=torch.float64).update(batch(), batch(1)[:, :DY])
    with pytest.raises(ValueError, match=r"pass x.to\(torch.bfloat16\), or"):
        mibench.probe("infonce", DX, DY, dtype=torch.bfloat16).update(batch(), batch(1)[:, :DY])


def test_what_estimators_are_never_asked_is_refused_with_what_to_do() -> None:
    information, x, z = mibench.probe("infonce", DX, DY), batch(), batch(1)[:, :DY]
    with pytest.raises(TypeError, match=r"not torch.int64: cast it with torch.as_tensor\(x\).float\(\)$"):
        information.surrogate(x.long(), z)
    with pytest.raises(ValueError, match=r"samples differ; of images pass x.flatten\(1\)$"):
        information.surrogate(x[:, None], z)
    with pytest.raises(ValueError, match=r": pass y\[:, None\]$"):
        information.surrogate(x, z[:, 0])
    with pytest.raises(UsageError, match=r"e.g. torch.float32, not torch.int32$"):
        mibench.probe("mige", DX, DY, dtype=torch.int32)
    with pytest.raises(ValueError, match=r"train in torch.float32 or torch.bfloat16$"):
        mibench.probe("infonce", DX, DY, dtype=torch.float16)


@pytest.mark.parametrize(
    "selector", ["mige", "mige-rp[k=2]", "rsm", "gauss", "kde", "lsmi", "l1out[conditional=known]"]
)
@pytest.mark.parametrize(
    "dtypes", [(torch.float64, torch.float64), (torch.float64, torch.float32), (torch.float32, torch.bfloat16)]
)
def test_an_estimator_without_weights_takes_any_dtypes(selector: str, dtypes: tuple[torch.dtype, torch.dtype]) -> None:
    information = mibench.probe(selector, DX, DY, conditional=lambda x: Independent(Normal(x[..., :DY], 1.0), 1))
    x, z = batch().to(dtypes[0]), batch(1)[:, :DY].to(dtypes[1]).requires_grad_()
    information.update(x, z)
    information.surrogate(x, z).backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()


def test_a_memory_and_a_population_have_the_dtype_of_x_and_y() -> None:
    x, z = batch(), batch(1)[:, :DY]
    known: Any = {"conditional": lambda x: Independent(Normal(x[..., :DY], 1.0), 1)}
    memory = mibench.probe("l1out[conditional=known,memory=8]", DX, DY, **known)
    exact = mibench.probe("exact", DX, DY, population=x, **known)
    for method in (memory.update, memory.mi, memory.surrogate, exact.mi, exact.surrogate):
        with pytest.raises(ValueError, match=r"^x is torch.float64, .* pass x.float\(\)"):
            method(x.double(), z.double())
        with pytest.raises(ValueError, match=r"^y is torch.float64, .* pass y.float\(\)"):
            method(x, z.double())


Law = Callable[[Tensor, Tensor], Normal]
"""From what stands for a mean and for a deviation to a law."""
LAWS: dict[str, tuple[Law, float]] = {
    "double": (lambda mean, std: Normal(mean.double(), std.double()), 1e-5),
    "double std": (lambda mean, std: Normal(mean, std.double()), 1e-5),
    "double mean": (lambda mean, std: Normal(mean.double(), std), 1e-5),
    "bf16 mean": (lambda mean, std: Normal(mean.bfloat16(), std), 0.02),
    "bf16": (lambda mean, std: Normal(mean.bfloat16(), std.bfloat16()), 0.02),
    "autocast": (lambda mean, std: Normal(mean @ torch.eye(DY), 0.5), 0.02),
    "autocast, not of the law": (Normal, 1e-5),
}
"""Laws, and how far their answers may be from those of single precision."""


@pytest.mark.parametrize("selector", ["exact", "l1out[conditional=known,memory=200]", "l1out memory alone"])
@pytest.mark.parametrize("name", LAWS)
def test_a_law_of_another_dtype_is_read_in_that_of_the_samples(selector: str, name: str) -> None:
    x, weight = batch().requires_grad_(), batch()[:DX, :DY]
    z = (x.detach() @ weight + 0.5 * batch(1)[:, :DY]).requires_grad_()
    given: dict[str, Any] = {} if "alone" in selector else {"population": x.detach()}
    selector = selector.replace(" memory alone", "[conditional=known,memory=200]")

    def answers(law: Law, cast: bool) -> tuple[Tensor, Tensor, Tensor]:
        def conditional(x: Tensor) -> Independent:
            mean = (x[..., None] * weight).sum(-2)
            return Independent(law(mean, torch.full_like(mean, 0.5)), 1)

        information = mibench.probe(selector, DX, DY, conditional=conditional, **given)
        with torch.autocast("cpu", torch.bfloat16, enabled=cast):
            information.update(x.detach(), z.detach())
            total, value = information.surrogate(x, z), information.mi(x, z).detach()
        return value, *torch.autograd.grad(total, (x, z))

    law, rounding = LAWS[name]
    ours, theirs = answers(law, "autocast" in name), answers(Normal, cast=False)
    for answer, expected in zip(ours, theirs, strict=True):
        assert answer.dtype == torch.float32
        assert (answer - expected).norm() < rounding * expected.norm()


@pytest.mark.parametrize("selector", ["exact", "l1out[conditional=known,memory=8]"])
@pytest.mark.parametrize("known", [True, False])
def test_a_density_in_float16_is_refused_for_what_it_is(selector: str, known: bool) -> None:
    if selector == "exact" and not known:
        return
    x, z = batch().half(), batch(1)[:, :DY].half()
    given: dict[str, Any] = {"population": x} if known else {}

    def law(x: Tensor) -> Independent:
        return Independent(Normal(x[..., :DY], torch.ones_like(x[..., :DY])), 1)

    with pytest.raises(UnfitError, match=r"^the density of y is not computed in float16, .*: use float32, or bfloat16"):
        mibench.probe(selector, DX, DY, conditional=law, dtype=torch.float16, **given).update(x, z)


@pytest.mark.parametrize("selector", ["infonce", "ksg"])
def test_samples_on_another_device_are_refused_in_one_line(selector: str) -> None:
    x, z = batch(), batch(1)[:, :DY]
    information = mibench.probe(selector, DX, DY, device="meta")
    with pytest.raises(ValueError, match=r"^x and y are on cpu, and this estimator was made for meta: pass them on it"):
        information.mi(x, z)
    with pytest.raises(ValueError, match=r"^x is on cpu and y on meta: pass both on one device$"):
        information.mi(x, z.to("meta"))


def test_an_estimator_without_an_index_of_its_device_takes_any_of_a_kind() -> None:
    assert is_on(torch.device("cuda:1"), torch.device("cuda"))
    assert not is_on(torch.device("cuda:1"), torch.device("cuda:0"))


@pytest.mark.parametrize("selector", ["infonce", "mine[negatives=derangement]", "flow-matching"])
def test_leading_axes_change_no_number(selector: str) -> None:
    x, z = batch(), batch(1)[:, :DY]
    plain, stacked = (mibench.probe(selector, DX, DY) for _ in range(2))
    torch.testing.assert_close(stacked.mi(x[None], z[None]), plain.mi(x, z)[None])


@pytest.mark.parametrize("selector", ["exact", "l1out[conditional=known,memory=8]"])
def test_samples_of_other_replicas_than_the_population_are_refused_in_one_line(selector: str) -> None:
    x, z = batch(), batch(1)[:, :DY]
    law = {"conditional": lambda x: Independent(Normal(x[..., :DY], 1.0), 1)}
    information = mibench.probe(selector, DX, DY, population=x, **law)
    information.update(x, z)
    for method in (information.mi, information.surrogate):
        with pytest.raises(ValueError, match=rf"for replicas \(\), not for x of shape \(1, {BATCH}, {DX}\)$"):
            method(x[None], z[None])


def test_an_estimator_goes_on_where_a_snapshot_was_taken() -> None:
    information, later = (mibench.probe("infonce", DX, DY) for _ in range(2))
    gradient(information, batch())
    restore(later, snapshot(information))
    assert torch.equal(gradient(information, batch()), gradient(later, batch()))


def test_what_is_known_of_an_encoder_is_handed_to_the_estimator() -> None:
    x, made = batch(), encoder()
    exact = mibench.probe("exact", DX, DY, conditional=lambda x: Independent(Normal(made(x), 0.5), 1), population=x)
    z = made(x).detach() + 0.5 * batch(1)[:, :DY]
    logs = Normal(made(x), 0.5).log_prob(z[:, None]).sum(-1)  # (z, x)
    expected = (logs.diagonal() - logs.logsumexp(-1) + math.log(BATCH)).mean()
    assert exact.mi(x, z).item() == pytest.approx(expected.item(), abs=1e-4)


def test_a_class_a_spec_and_a_file_serve_as_names_do(tmp_path: Path) -> None:
    spec = EstimatorSpec(name="products", target=Products, estimates={"gradient"}, summary="s", reference="r")
    assert isinstance(mibench.probe(Products, DX, DY), Products)
    assert isinstance(mibench.probe(spec, DX, DY), Products)
    file = tmp_path / "my_products.py"
    file.write_text(
        "from mibench import Estimator, EstimatorSpec, hookimpl\n"
        "class Mine(Estimator):\n    def surrogate(self, x, y):\n        return y.mean()\n"
        "@hookimpl\ndef mibench_estimators():\n"
        "    return [EstimatorSpec(name='my-mean', target=Mine, estimates={'gradient'}, summary='s', reference='r')]\n"
    )
    assert type(mibench.probe("my-mean", DX, DY, plugins=file)).__name__ == "Mine"


@pytest.mark.parametrize(
    ("estimator", "dims", "error", "message"),
    [
        ("infonec", (DX, DY), UsageError, "there is no estimator 'infonec'.*infonce"),
        ("mige[threshold=0.9|0.99]", (DX, DY), UsageError, "stands for 2 estimators; give each parameter one value"),
        ("mige[width=wide]", (DX, DY), UsageError, "width"),
        ("untrained", (DX, DY), UsageError, "baseline of the task dim"),
        ("exact", (DX, DY), UsageError, r"exact reads p\(y\|x\): give `conditional`"),
        ("oracle", (DX, DY), UsageError, "oracle reads the exact log ratio"),
        ("mige", (0, DY), UsageError, "at least one coordinate, not dx=0 and dy=3"),
        ("binning", (DX, DY), UnfitError, "at most 4, not 6"),
        (7, (DX, DY), UsageError, "not 7"),
        (EstimatorSpec(name="gone", target="no_such:Class", estimates={"value"}, summary="s", reference="r"),
         (DX, DY), PluginError, "cannot import 'no_such:Class'"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_in_one_line(
    estimator: Any, dims: tuple[int, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        mibench.probe(estimator, *dims)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dx": 2.0}, "`dx` is a whole number, not 2.0"),
        ({"dy": True}, "`dy` is a whole number, not True"),
        ({"seed": "a"}, "`seed` is a whole number, not 'a'"),
        ({"dtype": "float32"}, "`dtype` is one of torch's of floating point, .*, not 'float32'"),
        ({"dtype": torch.int64}, "`dtype` is one of torch's of floating point"),
        ({"device": "gpu"}, "`device` cannot be 'gpu', e.g. 'cpu' can: "),
        ({"device": "cuda:99"}, "`device` cannot be 'cuda:99'"),
        ({"device": None}, "`device` cannot be 'None'"),
    ],
    ids=str,
)
@pytest.mark.parametrize("estimator", ["mine", "mige"])
def test_arguments_that_nothing_can_be_made_for_are_refused_in_one_line(
    estimator: str, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        mibench.probe(estimator, **{"dx": 2, "dy": 2, **given})
    assert "\n" not in str(caught.value)


def test_an_estimator_without_a_gradient_says_so() -> None:
    x = batch().requires_grad_()
    with pytest.raises(NotImplementedError, match="estimates no gradient"):
        mibench.probe("ksg", DX, DX).surrogate(x, x)


@pytest.mark.parametrize(
    ("population", "message"),
    [
        (torch.zeros(5), r"not \(5,\)"),
        (torch.zeros(5, DX + 1), rf"not \(5, {DX + 1}\)"),
        (torch.zeros(5, DX, dtype=torch.int64), "not .* in torch.int64"),
        (torch.zeros(5, DX, dtype=torch.float64), "not .* in torch.float64"),
        (torch.zeros(1, DX), "at least 2, not 1"),
        (torch.full((5, DX), math.nan), "numbers that are not finite"),
        (np.zeros((5, DX)), "not an? ndarray"),
    ],
)
def test_a_population_that_is_not_one_of_x_is_refused_in_one_line(population: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mibench.probe("exact", DX, DY, conditional=lambda x: x, population=population)
