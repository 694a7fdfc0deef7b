"""The task that is made of a family, and the rows that every table has."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from mibench_baselines.oracle import Oracle
from mibench_gaussian.canonical import Canonical
from torch import Tensor

import mibench
from mibench import truths
from mibench.cli import main
from mibench.contracts import Context
from mibench.curves.cells import family_task
from mibench.errors import PluginError, UnfitError, UsageError
from mibench.families import Theta
from mibench.frames import narrow
from mibench.specs import EstimatorSpec, NoParams
from mibench.store import Store


def run(estimators: str, task: str, folder: Path) -> pd.DataFrame:
    return mibench.run(estimators, task, results=folder, profile="quick", seeds=4)


def test_the_oracle_is_right_and_the_plug_in_gaussian_is_blind_where_nothing_is_correlated(tmp_path: Path) -> None:
    frame = run("oracle,gauss,cca", "x-mixture[d=2,r=0.9,n=1024]", tmp_path)
    gradients = frame[frame["measurement"] == "mi_gradient"].groupby("estimator")["value"].mean()
    truth = frame.loc[frame["measurement"] == "mi_gradient", "truth"].iloc[0]
    assert truth == pytest.approx(2 * 3.40591, abs=1e-4)
    assert gradients["oracle"] == pytest.approx(truth, rel=0.15)
    assert abs(gradients["gauss"]) < 0.1 * truth
    assert gradients["cca"] == pytest.approx(gradients["gauss"])


@pytest.mark.parametrize("bend", ["none", "asinh", "bimodal", "swirl", "spiral-cdf"])
@pytest.mark.parametrize("gauge", ["own", "unit"])
def test_a_bend_leaves_the_oracle_alone_however_steep_it_is(bend: str, gauge: str, tmp_path: Path) -> None:
    frame = run("oracle", f"gaussian-pairs[d=15,strength=2,bend={bend},gauge={gauge},n=256]", tmp_path)
    means = frame.groupby("measurement")[["value", "truth"]].mean()
    for name in ("mi", "mi_gradient"):
        assert means.loc[name, "value"] == pytest.approx(means.loc[name, "truth"], rel=0.15)
    assert means.loc["gradient_cosine", "value"] == pytest.approx(1, abs=1e-4)


def test_data_fixed_shows_an_estimator_that_trains_the_same_samples_again(tmp_path: Path) -> None:
    for data, seen in (("fresh", 3 * 32), ("fixed", 32)):
        frame = run("infonce", f"student[n=32,steps=3,data={data},nu=1.0]", tmp_path)
        assert set(frame.loc[frame["measurement"] == "samples", "value"]) == {seen}
        assert len(narrow(mibench.load(tmp_path), f"student[data={data}]")) == len(frame)


def test_d_sets_both_dimensions_or_counts_coordinates(tmp_path: Path) -> None:
    frame = run("oracle", "student[d=2,nu=1.0,n=32]", tmp_path)
    assert frame.loc[frame["measurement"] == "mi", "truth"].iloc[0] == pytest.approx(0.431946, abs=5e-7)


class Counting(Canonical):
    """Correlated Gaussians that count how often their truth is asked for."""

    asked = 0

    def information(self, theta: Theta) -> Tensor:
        Counting.asked += 1
        return super().information(theta)


def test_the_truth_of_a_cell_is_computed_once_for_all_trials() -> None:
    task = family_task(Counting)
    spec = EstimatorSpec(name="oracle", target=Oracle, estimates={"value", "gradient"}, needs={"log_ratio"})

    def measured(seed: int, rho: float) -> dict[str, float | None]:
        generators = (torch.Generator().manual_seed(seed),)
        context = Context(
            spec=spec,
            build=lambda problem: Oracle(NoParams(), problem),
            data=generators,
            init=generators,
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
        (row,) = task().run([task.Params(rho=rho, n=8)], context)
        return {measurement.name: measurement.truth for measurement in row}

    first = measured(0, 0.5)
    asked = Counting.asked
    assert measured(1, 0.5) == first
    assert Counting.asked == asked
    assert measured(0, 0.6)["mi"] != first["mi"]


class Offset(Canonical):
    """Correlated Gaussians whose information is off by what a test says."""

    offset = 0.0

    def information(self, theta: Theta) -> Tensor:
        return super().information(theta) + self.offset


@pytest.mark.parametrize(
    ("offset", "error", "said"),
    [
        (math.nan, PluginError, "family Offset: the information is NaN at rho=0.5"),
        (math.inf, UnfitError, "family Offset: the information is infinite at rho=0.5"),
        (-0.5, PluginError, r"family Offset: the information is -0\.3562 nats at rho=0.5, and none is below 0"),
    ],
)
def test_a_truth_that_is_none_is_laid_to_the_family(
    offset: float, error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Offset, "offset", offset)
    task = family_task(Offset)
    with pytest.raises(error, match=said):
        truths.information(task, task.Params(d=1, rho=0.5), torch.float64, torch.device("cpu"))


@pytest.mark.parametrize("names", [(), "rho"])
def test_a_family_whose_theta_names_nothing_is_refused_in_one_line(names: Any) -> None:
    nameless = type("Nameless", (Canonical,), {"theta": names})
    with pytest.raises(PluginError, match=r"family Nameless: `theta` .*; it has to be a tuple of the parameters"):
        family_task(nameless)


FAULTY = """
from mibench import Estimator, EstimatorSpec, FamilySpec, hookimpl
from mibench_gaussian.canonical import Canonical

class Flat(Canonical):
    def sample(self, theta, n, draws):
        x, y = super().sample(theta, n, draws)
        return x[..., 0], y

class Raises(Canonical):
    def sample(self, theta, n, draws):
        raise ZeroDivisionError("none left")

class Wrong(Estimator):
    def mi(self, x, y):
        raise RuntimeError("no")

@hookimpl
def mibench_families():
    return [FamilySpec(name=kind.__name__.lower(), target=kind, summary="s") for kind in (Flat, Raises)]

@hookimpl
def mibench_estimators():
    return [EstimatorSpec(name="wrong", target=Wrong, estimates={"value"}, summary="s", reference="r")]
"""


def test_a_run_says_to_check_the_family_where_all_fail_on_it_and_else_the_estimator(tmp_path: Path) -> None:
    (tmp_path / "faulty_family.py").write_text(FAULTY)
    plugin = str(tmp_path / "faulty_family.py")
    words = ["-p", plugin, "--profile", "smoke", "--seeds", "1", "--executor", "serial", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, ["run", "-e", "oracle,gauss,wrong", "-t", "flat,raises,gaussian-pairs", *words])
    assert done.exit_code == 1
    assert [line for line in done.stderr.splitlines() if "try `mibench check" in line] == [
        f"  every estimator fails on flat: does its truth hold? try `mibench check flat -p {plugin}`",
        f"  every estimator fails on raises: does its truth hold? try `mibench check raises -p {plugin}`",
        f"  does wrong keep the contract? try `mibench check wrong -p {plugin}`",
    ]
    line = next(n for n, text in enumerate(FAULTY.splitlines(), 1) if "none left" in text)
    assert f"task raises: ZeroDivisionError: none left (faulty_family.py:{line})" in done.stderr


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("student[nu=-1]", "nu"),
        ("student[theta=kappa]", "theta"),
        ("student[bend=spin]", "bend"),
        ("student[bend=spiral]", "spiral needs dx"),
        ("student[n=1]", "`n` is at least 2"),
        ("x-mixture[kappa=2]", "kappa"),
        ("x-mixture[r=1]", "`r` is at least"),
        ("student[nu=nan]", "nu is a number"),
        ("bpsk[snr=1e400]", "snr is a number"),
        ("student[rotate=1]", "rotate is true"),
        ("student[data=fixed,n=1]", "`n` is at least 2"),
        ("student[data=stale]", "data is fresh"),
        ("symmetric-channel[copies=2,bend=asinh]", "discrete"),
    ],
)
def test_what_a_family_does_not_have_is_refused_in_one_line(task: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        run("oracle", task, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "task",
    ["clusters[s=1e308]", "gaussian-latent[alpha=1e308]", "gaussian-pairs[strength=1e308]", "lomax[alpha=1e-308]"],
)
def test_a_cell_whose_truth_is_beyond_double_precision_is_skipped_and_says_so(task: str, tmp_path: Path) -> None:
    run("oracle", task, tmp_path)
    outcomes = [record.outcome for record in Store(tmp_path).read()[0]]
    assert {outcome.status for outcome in outcomes} == {"skipped"}
    name = task.partition("[")[2].partition("=")[0]
    for outcome in outcomes:
        assert outcome.error is not None
        assert outcome.error.message.startswith("double precision does not hold the ")
        assert f"{name}=1e" in outcome.error.message


def test_a_sample_where_a_bend_overflows_is_not_laid_to_the_estimator(tmp_path: Path) -> None:
    mibench.run("oracle", "student[dx=1,nu=2,bend=bimodal]", results=tmp_path, seeds=5)
    lost = {record.trial.seed: record.outcome for record in Store(tmp_path).read()[0] if record.outcome.status != "ok"}
    assert {seed: outcome.status for seed, outcome in lost.items()} == {2: "diverged", 4: "diverged"}
    for outcome in lost.values():
        assert outcome.error is not None
        said = "bend=bimodal or its derivative is not finite at a sample with a coordinate of "
        assert outcome.error.message.startswith(said)
