"""`mibench estimate` and `mibench.estimate`: intervals, shuffles, stability and the recommendation."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result

import mibench
from mibench.cli import main
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.estimation import stages
from mibench.estimation.advice import advise
from mibench.estimation.answer import Estimation
from mibench.estimation.figures import figures
from mibench.estimation.intervals import (
    has_no_limit,
    interval_of_halves,
    interval_of_splits,
    interval_of_twins,
    joint_p_value,
    shuffled_p_value,
    why_not_of_information,
    without_less,
)
from mibench.estimation.order import depend_on_order, dependence, order_p_value, share_of_copies
from mibench.pairs import Pairs, pairs_of_arrays
from mibench.specs import EstimatorSpec
from mibench.twins import Twin, twin_of
from mibench.twins.elliptical import Elliptical
from mibench.twins.margins import margins
from mibench.twins.resemblance import Resemblance

RHO = 0.6
TRUTH = -0.5 * math.log(1 - RHO**2)
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 1))
Y = RHO * X + (1 - RHO**2) ** 0.5 * RANDOM.normal(size=(400, 1))


def asked(folder: Path, *words: str) -> Result:
    given = ["estimate", *words, "--executor", "serial", "--results", str(folder / "results")]
    return CliRunner().invoke(main, given)


def beside(folder: Path, name: str, definition: str, more: str = "") -> tuple[str, ...]:
    """The pairs as a file, and a plugin of an estimator's name that a function `f` defines, as words of the command."""
    plugin, file = folder / f"{name}.py", folder / "pairs.npz"
    plugin.write_text(
        "import mibench\n"
        f"{definition}\n"
        "@mibench.hookimpl\n"
        f"def mibench_estimators(): return [mibench.from_function(f, name='{name}'{more})]\n"
    )
    np.savez(file, x=X, y=Y)
    return str(file), "-p", str(plugin)


def table(**columns: list[object]) -> pd.DataFrame:
    default = {"estimator": ["a", "b"], "of": ["its limit"] * 2, "p_value": [0.05] * 2, "status": ["ok"] * 2}
    default |= {"bound": [""] * 2, "why_not_I": [""] * 2, "twin_bias": [0.0] * 2, "twin_rmse": [math.nan] * 2}
    default |= {"twin_deviation": [0.01] * 2, "twin_lost": [""] * 2}
    default |= {"sees": ["dependence"] * 2, "null_mean": [0.0] * 2}
    whole = {**default, "nats": [0.5, 0.5], "low": [0.4, 0.3], "high": [0.6, 0.7], **columns}
    return pd.DataFrame({**whole, "limit_low": whole["low"], "limit_high": whole["high"]})


def stability(*rows: tuple[str, str, float, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["estimator", "change", "shift", "verdict"])


PAIRS = pairs_of_arrays(X, Y)
NO_TWIN = pd.DataFrame(columns=["information", "area", "verdict"])


def of_limit(name: str) -> str:
    return f", for what {name} would see of ever more rows, not for I) by {name}"


def twin(verdict: str = "resembles the data") -> pd.DataFrame:
    return pd.DataFrame({"information": [0.5], "sampling": [0.04], "area": [0.5], "verdict": [verdict]})


def advice(
    estimates: pd.DataFrame,
    changes: pd.DataFrame | None = None,
    like: pd.DataFrame = NO_TWIN,
    *,
    p_value: float = 0.05,
    rows: int = 400,
    pairs: Pairs = PAIRS,
    shuffles: int = 19,
    flows: pd.DataFrame | None = None,
) -> str:
    said = Estimation(
        estimates=estimates,
        stability=stability() if changes is None else changes,
        flows=pd.DataFrame() if flows is None else flows,
        twin=like,
        p_value=p_value,
        recommendation="",
        notes=(),
        trials=pd.DataFrame(),
    )
    return advise(said, rows, pairs, shuffles)


def test_an_array_gets_an_interval_a_p_value_and_a_recommendation(tmp_path: Path) -> None:
    said = mibench.estimate(X, Y, estimators="gauss,cca", shuffles=19, twins=20, results=tmp_path)
    gauss = said.estimates.set_index("estimator").loc["gauss"]
    assert gauss["low"] < TRUTH < gauss["high"]
    assert gauss["bits"] == pytest.approx(gauss["nats"] / math.log(2))
    assert gauss["p_value"] == 0.05
    assert abs(gauss["null_mean"]) < 0.01
    assert "Report" in said.recommendation
    assert set(said.flows["verdict"]) <= {"0 within its error", "not 0"}
    html = said._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert "gauss" in html
    of_twins = said.trials["twin"] > 0
    assert said.trials[~of_twins]["truth"].isna().all()
    assert (said.trials[of_twins & (said.trials["measurement"] == "mi")]["truth"] == said.twin["information"][0]).all()
    again = mibench.estimate(X, Y, estimators="gauss,cca", shuffles=19, twins=20, results=tmp_path)
    assert set(again.trials["key"]) == set(said.trials["key"])


def test_one_for_mixed_columns_is_asked_where_values_repeat_and_one_that_is_skipped_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    monkeypatch.setattr(stages, "DEFAULT", ("ksg",))
    there = np.random.default_rng(0).uniform(size=(2, 400, 1)) < [[[0.7]], [[0.1]]]
    x, y = np.where(there[0], np.exp(X), 0), np.where(there[0] ^ there[1], np.exp(Y), 0)
    said = mibench.estimate(x, y, shuffles=19, twins=2, results=tmp_path)
    mixed = said.estimates.set_index("estimator").loc["ksg-mixed"]
    both, first, second = 0.7 * 0.9, 0.7, 0.7 * 0.9 + 0.3 * 0.1
    cells = {both: first * second, 0.07: first * (1 - second), 0.03: 0.3 * second, 0.27: 0.3 * (1 - second)}
    truth = sum(p * math.log(p / apart) for p, apart in cells.items()) + both * TRUTH
    assert mixed["low"] < truth < mixed["high"]
    assert said.recommendation.startswith(f"Report {mixed['nats']:.4g} nats")
    assert "values repeat often, which estimators of densities do not expect" in said.recommendation
    assert "ksg (3 trials skipped): ksg needs a density, and samples equal k others: ksg-mixed is for" in said.notes[-1]
    assert "columns of y of which one value fills more than 5% of the rows: 1 of 1" in said.notes
    plain = mibench.estimate(X, Y, shuffles=1, twins=0, results=tmp_path)
    assert plain.estimates["estimator"].tolist() == ["ksg"]


def test_one_who_trains_gets_an_interval_from_its_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    said = mibench.estimate(X[:40], Y[:40], estimators="infonce", shuffles=1, twins=0, results=tmp_path)
    (row,) = said.estimates.to_dict("records")
    splits = said.trials[(said.trials["change"] == "none") & (said.trials["measurement"] == "mi")]
    assert splits["value"].nunique() == 5
    assert row["nats"] == pytest.approx(splits[splits["status"] == "ok"]["value"].mean())
    assert row["of"] == "its lower bound"
    assert row["low"] < row["nats"] < row["high"]


def test_what_diverged_is_in_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    words = beside(tmp_path, "deep", "def f(x, y): return -50.0 + 0 * (x * y).mean()", ", bound='lower'")
    said = asked(tmp_path, *words, "-e", "deep,gauss", "--twins", "0", "--format", "json")
    whole = json.loads(said.stdout)
    row = next(row for row in whole["estimates"] if row["estimator"] == "deep")
    assert row["status"] == "diverged"
    assert (row["nats"], row["bits"], row["null_mean"], row["p_value"]) == (None,) * 4
    assert row["why_not_I"] == "no number"
    assert "deep" not in {row["estimator"] for row in whole["stability"]}
    assert "deep (gave no number (diverged))" in whole["recommendation"]
    assert "nats at first" in said.stderr
    assert "deep: -50" not in said.stderr


@pytest.mark.parametrize("lost", [0, 1, 4, 10])
def test_no_estimator_is_ranked_by_the_draws_of_the_twin_that_it_survived(
    lost: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    plugin, file = tmp_path / f"frail_{lost}.py", tmp_path / "pairs.npz"
    np.savez(file, x=X, y=Y)
    twin = twin_of(pairs_of_arrays(X, Y), 1000)
    assert twin
    draws = [twin.draw(400, number)[0][:, 0] for number in range(1, lost + 1)]
    firsts = [float((draw[0] - draw.mean()) / draw.std()) for draw in draws]
    plugin.write_text(
        "import math, mibench, numpy\n"
        f"FIRSTS = {firsts}\n"
        "def frail(x, y):\n"
        "    lost = any(abs(x - first).min() < 2e-5 for first in FIRSTS)\n"
        "    rho = numpy.corrcoef(x[:, 0], y[:, 0])[0, 1]\n"
        "    return math.nan if lost else -0.5 * math.log(1 - rho**2)\n"
        "@mibench.hookimpl\n"
        "def mibench_estimators(): return [mibench.from_function(frail, name='frail')]\n"
    )
    words = ("-p", str(plugin), "-e", "frail,gauss", "--format", "json")
    result = asked(tmp_path, str(file), *words)
    assert result.exit_code == 0, result.output
    whole = json.loads(result.stdout)
    row = next(row for row in whole["estimates"] if row["estimator"] == "frail")
    assert row["twin_lost"] == (f"diverged on {lost} of 10 draws" if lost else "")
    assert [row[name] is None for name in ("twin_bias", "twin_deviation", "twin_rmse")] == [lost > 1] * 3
    assert (row["why_not_I"] == "fails on the twin") == (lost > 1)
    left_out = f"frail (diverged on {lost} of 10 draws of the twin)" in whole["recommendation"]
    assert left_out == (lost > 1)


def test_draws_that_were_lost_are_said_beside_the_error_and_many_of_them_recommend_nothing() -> None:
    few = table(twin_rmse=[0.1, 0.2], of=["I"] * 2, twin_lost=["diverged on 1 of 10 draws", ""])
    said = advice(few, like=twin())
    assert "by a: on twins of these data" in said
    assert "It diverged on 1 of 10 draws of the twin, and that error is of the others; its interval" in said
    alone = advice(table(why_not_I=["fails on the twin"] * 2, twin_lost=["diverged on 4 of 10 draws"] * 2), like=twin())
    assert alone.startswith("None of these, because each fails a check: a, b (diverged on 4 of 10 draws of the twin).")


def test_independent_pairs_are_said_to_hold_no_information(tmp_path: Path) -> None:
    said = mibench.estimate(X, RANDOM.normal(size=400), estimators="gauss,cca", results=tmp_path)
    assert said.estimates["p_value"].min() > 0.05
    assert said.recommendation.startswith("No information is found")


def test_frames_with_levels_and_gaps_are_estimated_and_said_so(tmp_path: Path) -> None:
    x = pd.DataFrame({"site": ["a", "b", "c", "d"] * 100, "age": X[:, 0]})
    x.loc[0, "age"] = np.nan
    said = mibench.estimate(x, Y, estimators="gauss", missing="drop", shuffles=2, results=tmp_path)
    notes = " ".join(said.notes)
    assert "became 3 columns of 0 and 1" in notes
    assert "1 of 400 rows, which were dropped" in notes


@pytest.mark.parametrize("form", ["table", "json", "csv", "md"])
def test_every_format_of_the_command_holds_the_estimate(form: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": X[:, 0], "gene_1": Y[:, 0]})
    frame.to_csv(tmp_path / "data.csv", index=False)
    words = (str(tmp_path / "data.csv"), "--x", "age", "--y", "gene_*", "-e", "gauss,cca", "--shuffles", "3")
    result = asked(tmp_path, *words, "--format", form)
    assert result.exit_code == 0, result.output
    assert "gauss" in result.stdout
    if form == "json":
        answer = json.loads(result.stdout)
        assert {row["change"] for row in answer["stability"]} > {"half of the rows", "x and y swapped"}
        assert 0.1 < answer["estimates"][0]["nats"] < 0.4
    said = result.stderr if form == "csv" else result.stdout
    assert "Report 0." in said or "None of these" in said or "No information" in said
    assert "400 of 400 rows were used" in said
    assert "nats at first" in result.stderr
    assert "nats at first" not in asked(tmp_path, *words).stderr, "nothing is run again"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("absent.npz",), "cannot read"),
        (("equal.npz",), "infinite"),
        (("equal.npz", "-e", "mige"), "infinite"),
        (("good.npz", "-e", "mige"), "estimates no value"),
        (("good.npz", "-e", "oracle"), "nobody knows of data"),
        (("good.npz", "--x", "z"), "no array is 'z'"),
        (("a,b.npz",), "rename the file"),
        ((" a.npz",), "rename the file"),
    ],
)
def test_bad_requests_are_one_line_and_run_nothing(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("equal.npz", x=X, y=X)
    np.savez("good.npz", x=X, y=Y)
    np.savez("a,b.npz", x=X, y=Y)
    np.savez(" a.npz", x=X, y=Y)
    result = asked(tmp_path, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "results").exists()


def test_columns_whose_names_selectors_cannot_spell_are_found(tmp_path: Path) -> None:
    pd.DataFrame({"mass [kg]": X[:, 0], "y": Y[:, 0]}).to_csv(tmp_path / "data.csv", index=False)
    words = ("--x", "mass [kg]", "--y", "y", "-e", "gauss", "--shuffles", "1", "--format", "json")
    assert asked(tmp_path, str(tmp_path / "data.csv"), *words).exit_code == 0


@pytest.mark.parametrize("name", ["a,b", "w[kg]", "open[", "a|b", "a;b", "[[a]]", "%5B", "=x"])
def test_trials_read_the_column_that_was_named_and_no_other(name: str, tmp_path: Path) -> None:
    others = {other: Y[:, 0] for other in ("a", "b", "w(kg)", "open(", "a!b", "((a))", "5B", "[", "x") if other != name}
    pd.DataFrame({name: X[:, 0], **others, "q": Y[:, 0] + 2 * X[:, 0] ** 2}).to_csv(tmp_path / "data.csv", index=False)
    words = ("--x", name, "--y", "q", "-e", "gauss", "--shuffles", "1", "--twins", "0", "--format", "json")
    said = json.loads(asked(tmp_path, str(tmp_path / "data.csv"), *words).stdout)
    alone = mibench.estimate(X, Y + 2 * X**2, estimators="gauss", shuffles=1, twins=0, results=tmp_path / "alone")
    assert said["estimates"][0]["nats"] == pytest.approx(alone.estimates["nats"][0])


WRONG = [
    {"twins": 1.5},
    {"twins": -1},
    {"twins": True},
    {"shuffles": 0},
    {"shuffles": "19"},
    {"rows": 5},
    {"rows": 100.5},
    {"rows": "100"},
    {"estimators": [3]},
    {"estimators": None},
    {"estimators": [""]},
    {"missing": "rais"},
    {"codes": "onehot"},
    {"results": 5},
    {"executor": 3},
    {"workers": 0},
    {"plugins": 3},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_no_estimate_could_do_is_refused_in_one_line_from_python(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        mibench.estimate(X, Y, **{"results": tmp_path / "results", **wrong})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "results").exists()


def test_messages_name_options_on_the_command_line_and_arguments_in_python(tmp_path: Path) -> None:
    gaps = np.where(X > 2, np.nan, X)
    np.savez(tmp_path / "gaps.npz", x=gaps, y=Y)
    words = "fill them in, or drop these rows with "
    assert f"{words}--missing drop\n" in asked(tmp_path, str(tmp_path / "gaps.npz")).stderr
    with pytest.raises(UsageError, match=rf'{words}`missing="drop"`$'):
        mibench.estimate(gaps, Y, results=tmp_path)
    with pytest.raises(UsageError, match=r"name another with `estimators`$"):
        mibench.estimate(X, Y, estimators="mige", results=tmp_path)
    with pytest.raises(UsageError, match="`rows` is a whole number from 20 on, not 5"):
        mibench.estimate(X, Y, rows=5, results=tmp_path)
    with pytest.raises(UsageError, match="draw more with `rows=55`, or choose"):
        mibench.estimate(RANDOM.normal(size=(60, 10)), Y[:60], rows=20, results=tmp_path)


def test_intervals_and_p_values_are_those_of_their_formulas() -> None:
    low, high = interval_of_halves(1.0, 0.1, 10)
    assert (low, high) == pytest.approx((1 - 0.22281, 1 + 0.22281), abs=1e-4)
    low, high = interval_of_splits([1.0, 2.0, 3.0])
    assert (high - low) / 2 == pytest.approx(4.30265 * math.sqrt(4 / 3), abs=1e-4)
    assert interval_of_splits([1.0]) == (-math.inf, math.inf)
    assert math.isnan(shuffled_p_value(math.nan, [0.1, 0.2]))
    assert shuffled_p_value(1.0, [0.0] * 19) == 0.05
    assert shuffled_p_value(0.0, [0.0, 1.0, -1.0]) == 0.75


def known(information: float, error: float = 0.0, *, alike: bool = True) -> Twin:
    return Twin(
        margins=margins(X, Y),
        model=Elliptical(np.eye(2), 1),
        information=information,
        error=error,
        deviation=2.0,
        rows=400,
        resemblance=Resemblance(area=0.5, p_value=0.5 if alike else 0.01),
    )


def test_an_interval_from_twins_is_less_their_bias_and_as_wide_as_their_errors_scatter() -> None:
    low, high = interval_of_twins(1.0, [-0.1, 0.0, 0.1], known(1.0), 400)
    assert (low, high) == pytest.approx(
        (1 - 4.30265 * 0.1 * (4 / 3) ** 0.5, 1 + 4.30265 * 0.1 * (4 / 3) ** 0.5), abs=1e-5
    )
    biased = interval_of_twins(1.0, [0.0, 0.09, 0.18], known(1.0), 400)
    assert sum(biased) / 2 == pytest.approx(0.91)
    assert biased[1] - biased[0] > 0.9 * (high - low), "the bias is known as well as the information only"
    vague = interval_of_twins(1.0, [-0.1, 0.0, 0.1], known(1.0, error=0.1), 400)
    assert vague[1] - vague[0] > 1.2 * (high - low)


@pytest.mark.parametrize(
    ("errors", "twin", "null", "reason"),
    [
        ([-0.1, 0.0, 0.1], known(1.0), [0.0] * 19, ""),
        ([-0.1, 0.0, 0.1], known(0.9), [0.0] * 19, ""),
        ([-0.1, 0.0, 0.1], known(0.0), [0.0] * 19, "the twin holds less"),
        ([-0.1, 0.0, 0.1], known(2.0), [0.0] * 19, "the twin holds more"),
        ([-0.1, 0.0, 0.1], None, [0.0] * 19, "no twin"),
        ([0.1], known(1.0), [0.0] * 19, "too few draws of the twin"),
        ([], known(1.0), [0.0] * 19, "too few draws of the twin"),
        ([-0.1, 0.0, 0.1], known(0.0, error=1.0), [0.0] * 19, "the twin's information is not known"),
        ([-0.1, 0.0, 0.1], known(1.0, error=0.09), [0.0] * 19, ""),
        ([-0.1, 0.0, 0.1], known(1.0, alike=False), [0.0] * 19, "the twin differs"),
        ([0.1], known(1.0, alike=False), [0.0] * 19, "the twin differs"),
        ([-1.0, -1.01, -0.99], known(1.0), [0.0] * 19, "biased on the twin"),
        ([-0.04, -0.03, -0.035], known(0.0005), [0.0] * 19, "the twin holds less"),
        ([-0.8, -0.79, -0.81], known(0.4), [0.0] * 19, "biased on the twin"),
        ([-0.09, -0.091, -0.089], known(1.0), [0.0] * 19, ""),
        ([-0.1, 0.0, 0.1], known(1.0), [0.0] * 18 + [0.6], "sees no dependence"),
        ([-0.1, 0.0, 0.1], known(1.0), [0.6] * 18, ""),
    ],
)
def test_no_interval_is_for_i_where_the_twin_the_bias_or_the_shuffles_do_not_allow_it(
    errors: list[float], twin: Twin | None, null: list[float], reason: str
) -> None:
    assert why_not_of_information((0.7, 1.3), errors, twin, value=0.5, null=null) == reason


def test_a_twin_holds_less_or_more_only_by_more_than_estimate_and_twin_scatter_together() -> None:
    together = math.hypot(0.3, 4.30265 * 2.0 / 400**0.5)
    for share, reason in ((0.99, ""), (1.01, "the twin holds less"), (-0.99, ""), (-1.01, "the twin holds more")):
        middle = 1.0 + share * together
        assert why_not_of_information((middle - 0.3, middle + 0.3), [-0.1, 0.0, 0.1], known(1.0)) == reason


def test_a_twin_that_holds_less_than_one_sees_gives_no_other_an_interval_for_i() -> None:
    assert without_less(["", "the twin holds less", "no number"]) == [*["the twin holds less"] * 2, "no number"]
    assert without_less(["", "the twin holds more"]) == ["", "the twin holds more"]


def test_no_interval_is_for_i_where_one_row_makes_much_of_the_variance() -> None:
    errors, interval = [-0.1, 0.0, 0.1], (0.7, 1.3)
    assert why_not_of_information(interval, errors, known(1.0), row_share=0.2) == ""
    assert why_not_of_information(interval, errors, known(1.0), row_share=0.3) == "hinges on one row"
    assert why_not_of_information(interval, [-1.0, -1.01, -0.99], known(1.0), row_share=0.3) == "biased on the twin"


def test_a_sign_that_two_signs_make_is_more_than_its_twin_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    random = np.random.default_rng(1000)
    x = random.normal(size=(600, 2))
    y = np.sign(x[:, :1] * x[:, 1:]) * np.abs(random.normal(size=(600, 1)))
    said = mibench.estimate(x, y, estimators="ksg", results=tmp_path)
    (row,) = said.estimates.to_dict("records")
    assert said.twin["information"][0] < 0.5 < math.log(2)
    assert (row["of"], row["why_not_I"]) == ("its limit", "the twin holds less")
    assert (row["low"], row["high"]) == (row["limit_low"], row["limit_high"])
    assert said.recommendation.startswith("Report")
    assert "less than is seen in these data" in said.recommendation
    assert "no interval is for I" in said.recommendation
    assert "above" not in said.recommendation, "what is seen may be bias"


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_an_estimate_that_falls_by_ln_2_with_each_halving_has_no_interval_and_gives_no_recommendation(
    noise: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("quarters",))
    said = mibench.estimate(X, X**2 + noise * Y, estimators="gauss,ksg", twins=0, results=tmp_path)
    row = said.estimates.set_index("estimator").loc["ksg"]
    assert (row["why_not_I"] == "no limit") == (noise == 0)
    assert math.isnan(row["low"]) == math.isnan(row["limit_high"]) == (noise == 0)
    assert row["of"] == ("its limit" if noise else "")
    said_so = "None of these, because with each halving of the rows ksg falls by about ln 2 (0.6931 nats)"
    assert said.recommendation.startswith(said_so) == (noise == 0)
    assert json.loads(said.to_json())["estimates"][1]["high"] == (pytest.approx(row["high"]) if noise else None)
    assert figures(said, pairs_of_arrays(X, X**2 + noise * Y), 400)


def test_an_estimate_has_no_limit_only_if_both_halvings_take_about_ln_2() -> None:
    assert has_no_limit(4.4, 3.7, 3.0)
    assert not has_no_limit(4.4, 3.7, 3.3), "it falls less with more rows"
    assert not has_no_limit(3.0, 2.9, 1.5)
    assert not has_no_limit(math.nan, 1.0, 0.0)


def test_notes_on_intervals_are_of_those_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 200)
    said = mibench.estimate(np.cos(angle), np.sin(angle), estimators="gauss", twins=4, results=tmp_path)
    assert said.estimates["of"].tolist() == ["its limit"]
    assert not any("intervals of I" in note for note in said.notes)
    assert any("an interval of a limit or a bound" in note for note in said.notes)
    both = mibench.estimate(X, Y, estimators="gauss", twins=4, results=tmp_path)
    assert both.estimates["of"].tolist() == ["I"]
    assert any("intervals of I" in note for note in both.notes)
    assert not any("an interval of a limit or a bound" in note for note in both.notes)


def test_an_estimator_that_is_blind_to_the_dependence_says_that_its_interval_is_not_for_i(tmp_path: Path) -> None:
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 200)
    np.savez(tmp_path / "ring.npz", x=np.cos(angle), y=np.sin(angle))
    words = (str(tmp_path / "ring.npz"), "-e", "gauss,ksg", "--twins", "4")
    rows = {
        row["estimator"]: row for row in json.loads(asked(tmp_path, *words, "--format", "json").stdout)["estimates"]
    }
    assert (rows["gauss"]["of"], rows["gauss"]["why_not_I"] != "") == ("its limit", True)
    assert all((row["of"] == "I") == (row["why_not_I"] == "") for row in rows.values())


def test_estimators_together_see_what_one_of_them_sees_and_keep_the_level() -> None:
    random = np.random.default_rng(0)
    blind, seeing = random.normal(size=20), np.append(9.0, random.normal(size=19))
    assert joint_p_value([blind[0], seeing[0]], [blind[1:].tolist(), seeing[1:].tolist()]) == 0.05
    nothing = random.normal(size=(1000, 5, 20))
    seen = [joint_p_value(each[:, 0].tolist(), each[:, 1:].tolist()) <= 0.05 for each in nothing]
    assert sum(seen) == pytest.approx(50, abs=25)


def test_the_estimate_on_which_most_agree_is_recommended() -> None:
    said = advice(table())
    assert said.startswith(
        f"Report 0.5 nats (95 %: 0.4 to 0.6{of_limit('a')}: it passes the checks (shuffled pairs), and"
    )
    assert "b agrees with it" in said


def several(**columns: list[object]) -> pd.DataFrame:
    """Three estimators, of which the first two see correlation alone and say the same; the third says more."""
    rest = {"estimator": ["a", "b", "c"], "sees": ["correlation", "correlation", "dependence"], "of": ["its limit"] * 3}
    rest |= {
        "p_value": [0.05] * 3,
        "status": ["ok"] * 3,
        "bound": [""] * 3,
        "why_not_I": [""] * 3,
        "twin_lost": [""] * 3,
        "twin_bias": [0.0] * 3,
        "twin_deviation": [0.01] * 3,
    }
    rest |= {"twin_rmse": [math.nan] * 3, "null_mean": [0.0] * 3}
    return table(**{**rest, "nats": [0.2, 0.2, 2.0], "low": [0.1, 0.1, 1.9], "high": [0.3, 0.3, 2.1], **columns})


def test_two_that_see_correlation_alone_do_not_outvote_one_that_sees_more() -> None:
    said = advice(several())
    assert said.startswith(f"Report 2 nats (95 %: 1.9 to 2.1{of_limit('c')}")
    assert "a, b (sees correlation alone, and less than c)" in said
    unstable = advice(several(), stability(("c", "normal scores of each column", 0.3, "moves out of its interval")))
    assert unstable.startswith("None of these, because each fails a check")


def test_two_that_see_correlation_alone_are_one_voice() -> None:
    apart = advice(several(nats=[0.2, 0.2, 0.01], low=[0.1, 0.1, -0.1], high=[0.3, 0.3, 0.05]))
    but = "None of these, because no two agree but a, b, which see correlation alone and count as one: a 0.1 to 0.3, b"
    assert apart.startswith(but)
    alone = advice(table(sees=["correlation"] * 2))
    assert alone.startswith(f"Report 0.5 nats (95 %: 0.4 to 0.6{of_limit('a')}: it passes")
    assert "b agrees with it" in alone


@pytest.mark.parametrize(
    "weaker", [{"null_mean": [0.0, 0.0, 1.8]}, {"bound": ["", "", "upper"]}, {"p_value": [0.05, 0.05, 0.1]}], ids=str
)
def test_what_shuffled_pairs_give_too_or_an_upper_bound_is_not_more_than_correlation(weaker: dict[str, Any]) -> None:
    assert "sees correlation alone" not in advice(several(**weaker))


def test_of_those_that_agree_one_that_sees_correlation_alone_comes_last_where_values_repeat() -> None:
    both = table(sees=["correlation", "dependence"], low=[0.4, 0.3], high=[0.6, 0.7])
    zeros = np.where(np.arange(400)[:, None] < 40, 0.0, X)
    assert "by a: it passes" in advice(both)
    assert "by b: it passes" in advice(both, pairs=pairs_of_arrays(zeros, Y))


def test_a_lower_bound_below_what_another_sees_agrees_with_it_and_is_not_reported() -> None:
    said = advice(table(bound=["lower", ""], low=[0.1, 1.9], high=[0.2, 2.1], nats=[0.15, 2.0]))
    assert said.startswith(f"Report 2 nats (95 %: 1.9 to 2.1{of_limit('b')}: it passes")
    assert "a agrees with it" in said
    both = advice(table(bound=["lower"] * 2, low=[0.1, 1.9], high=[0.2, 2.1], nats=[0.15, 2.0]))
    assert both.startswith("Report 2 nats")


SPECS = {entry.name: entry.spec for entry in Registry(load_plugins()).entries(EstimatorSpec)}


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.sees == "correlation"])
def test_what_sees_correlation_alone_sees_no_dependence_without_any(name: str) -> None:
    x, sign = torch.randn(2, 2000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    estimator = mibench.probe(name, 1, 1, dtype=torch.float64)
    assert abs(estimator.mi(x, x * sign.sign()).item()) < 0.01
    y = 0.6 * x + 0.8 * sign
    assert estimator.mi(x, y).item() == pytest.approx(mibench.probe("gauss", 1, 1).mi(x, y).item(), abs=0.02)


def test_what_moves_under_a_bijection_is_left_out() -> None:
    moved = stability(("a", "normal scores of each column", 0.3, "moves out of its interval"))
    said = advice(table(), moved)
    assert "by b" in said
    assert "left out: a (changes with normal scores of each column)" in said.replace("Left", "left")


def test_a_bound_that_gets_looser_is_kept_and_one_that_rises_is_not() -> None:
    bound = table(bound=["lower", ""])
    looser = stability(("a", "x and y swapped", -0.3, "moves out of its interval"))
    higher = stability(("a", "x and y swapped", 0.3, "moves out of its interval"))
    assert "by a" in advice(bound, looser)
    assert "by b" in advice(bound, higher)


def test_the_smallest_error_on_a_twin_is_recommended_where_it_resembles_the_data() -> None:
    errors = table(twin_rmse=[0.1, 0.02], of=["I"] * 2)
    moved = stability(("b", "x and y swapped", 0.3, "moves out of its interval"))
    assert "by b: on twins of these data, which hold 0.5 nats, its error of 0.02" in advice(errors, moved, twin())
    unlike = advice(errors, like=twin("differs from the data"))
    assert "by a" in unlike
    assert "no error on it ranks them" in unlike


def test_rows_of_independent_draws_are_called_dependent_at_the_level_at_most() -> None:
    called = [0, 0]
    for seed in range(300):
        random = np.random.default_rng(seed)
        x = random.normal(size=(40, 3))
        p_values = [order_p_value(block) for block in (x, (x[:, :1] > 1).astype(float))]
        called = [count + (p_value <= 0.01) for count, p_value in zip(called, p_values, strict=True)]
    assert max(called) <= 9, "of 300, three are expected"


def test_series_and_sorted_files_depend_on_order_and_one_series_alone_does_not_count() -> None:
    walks = np.random.default_rng(0).normal(size=(400, 2)).cumsum(0)
    order = X[:, 0].argsort()
    assert depend_on_order(pairs_of_arrays(walks[:, 0], walks[:, 1]), 1000)
    assert depend_on_order(pairs_of_arrays(walks[:, 0], walks[:, 1]), 200), "rows that are drawn keep their order here"
    assert depend_on_order(pairs_of_arrays(X[order], Y[order]), 1000)
    assert depend_on_order(pairs_of_arrays(np.hstack([X, walks[:, :1]]), walks[:, 1]), 1000), "one column is enough"
    assert not depend_on_order(pairs_of_arrays(X, Y), 1000)
    assert not depend_on_order(pairs_of_arrays(walks[:, 0], Y), 1000)
    assert not depend_on_order(pairs_of_arrays(X, np.arange(400) < 300), 1000)


def test_random_walks_get_a_warning_before_any_number_and_neither_p_values_nor_intervals_for_i(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    walks = np.random.default_rng(1).normal(size=(200, 2)).cumsum(0)
    said = mibench.estimate(walks[:, 0], walks[:, 1], estimators="gauss,copula", twins=2, results=tmp_path)
    assert said.recommendation.startswith("Rows depend on those before them in the file, in x and in y")
    assert "it passes the checks (x and y swapped), and" in said.recommendation
    assert "95 %" not in said.recommendation
    assert "shuffle the rows if their order means nothing" in said.recommendation
    assert set(said.estimates["why_not_I"]) == {"rows depend on each other"}
    assert said.estimates["p_value"].isna().all()
    assert math.isnan(said.p_value)
    assert not any("intervals of I" in note for note in said.notes)
    assert any("an interval of a limit or a bound" in note for note in said.notes)


def test_a_twin_of_which_nobody_knows_the_information_ranks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    monkeypatch.setattr(Twin, "known", property(lambda _: False))
    said = mibench.estimate(X, Y, estimators="gauss,copula", shuffles=19, twins=2, results=tmp_path)
    assert said.recommendation.startswith("Report")
    assert "how much information the twin holds is not known" in said.recommendation.replace("How", "how")
    assert set(said.estimates["why_not_I"]) == {"the twin's information is not known"}
    assert said.estimates[["twin_bias", "twin_deviation", "twin_rmse"]].isna().all(axis=None)
    assert said.trials["truth"].isna().all()
    (row,) = said.twin.to_dict("records")
    assert math.isnan(row["information"])
    assert row["verdict"] == "its information is not known"


def test_the_bias_on_a_twin_is_taken_off_what_lies_outside_its_interval() -> None:
    said = advice(table(nats=[0.8, 0.8], twin_bias=[0.3, 0.3], twin_rmse=[0.1, 0.2], of=["I"] * 2), like=twin())
    assert "Report 0.5 nats (95 %: 0.4 to 0.6) by a, its 0.8 less the bias of 0.3" in said


def test_a_twin_that_holds_less_ranks_nothing_and_one_that_holds_more_gives_no_interval_for_i() -> None:
    less = advice(table(twin_rmse=[0.1, 0.02], why_not_I=["the twin holds less"] * 2), like=twin())
    assert less.startswith(f"Report 0.5 nats (95 %: 0.4 to 0.6{of_limit('a')}: it passes")
    assert "The twin holds 0.5 nats, less than is seen in these data" in less
    none = advice(table(nats=[6.0, 6.0], why_not_I=["the twin holds less"] * 2), like=twin())
    assert none.startswith("None of these")
    assert "The twin holds 0.5 nats, less than is seen in these data" in none
    more = advice(table(twin_rmse=[0.1, 0.02], why_not_I=["the twin holds more"] * 2), like=twin())
    assert "The twin holds more than it sees in these data, so that no interval for I is given" in more


def test_the_error_on_a_single_draw_of_the_twin_ranks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    for twins, single in ((1, True), (2, False)):
        said = mibench.estimate(X[:80], Y[:80], estimators="gauss,infonce", shuffles=1, twins=twins, results=tmp_path)
        assert ((said.estimates["why_not_I"] == "too few draws of the twin") == single).all()
        assert (said.estimates[["twin_rmse", "twin_deviation"]].isna() == single).all(axis=None)
        unranked = "on 2 draws of the twin or more (`twins`), so that no error on it ranks them"
        assert (unranked in said.recommendation) == single
        assert not (single and "is bias" in said.recommendation)
    one = table(twin_rmse=[math.nan, 0.2], twin_bias=[math.nan, 0.2], why_not_I=["too few draws of the twin", ""])
    ranked = advice(one.assign(of=["its limit", "I"]), like=twin())
    assert ranked.startswith("Report 0.5 nats (95 %: 0.3 to 0.7) by b: on twins")
    assert "left out: a (gave numbers on fewer than 2 draws of the twin)" in ranked.replace("Left", "left")


def test_an_error_that_is_much_of_what_the_twin_holds_is_said_to_be() -> None:
    much, little = (advice(table(twin_rmse=[error, 0.24], of=["I"] * 2), like=twin()) for error in (0.15, 0.05))
    assert "its error of 0.15 is the smallest, though 30% of what they hold." in much
    assert "its error of 0.05 is the smallest." in little


def test_what_speaks_against_the_estimate_is_said_and_a_diverged_one_is_left_out() -> None:
    changes = stability(
        ("a", "x and y swapped", 0.0, "stable"),
        ("a", "a rotation of a block", 0.3, "moves out of its interval"),
        ("b", "ranks of each column", 0.3, "moves out of its interval"),
    )
    flows = pd.DataFrame({"estimator": ["a", "b"], "flow": ["scale", "shift"], "verdict": ["not 0", "not 0"]})
    said = advice(table(), changes, flows=flows)
    assert "by a: it passes the checks (shuffled pairs, x and y swapped), and b agrees with it. It moves out of" in said
    assert "It moves out of its interval with a rotation of a block; its gradient is not 0 along scale" in said
    lost = advice(table(status=["ok, diverged", "ok"]))
    assert "by b" in lost
    assert "a (diverged)" in lost
    assert "a (failed)" in advice(table(status=["ok, failed", "ok"]))


def test_errors_as_large_as_the_information_recommend_none() -> None:
    said = advice(table(twin_rmse=[0.4, 0.3], of=["I"] * 2), like=twin())
    assert said.startswith("None of these, because on twins of these data, which hold 0.5 nats, even b is off by 0.3")


def test_a_biased_estimate_is_recommended_without_an_interval_for_i() -> None:
    said = advice(table(twin_rmse=[0.1, 0.2], twin_bias=[0.09, 0.2]), like=twin())
    assert said.startswith("Report 0.5 nats by a: on twins")
    assert "of it 0.09 is bias" in said.replace("Of it", "of it")
    assert "there b by 0.2 would be off" in said
    blind = advice(table(twin_rmse=[0.1, 0.2], why_not_I=["sees no dependence"] * 2), like=twin())
    assert "It does not tell them from shuffled pairs, so that no interval for I is given" in blind


def test_an_estimate_that_hinges_on_one_row_is_recommended_only_where_all_do() -> None:
    hinging = ["hinges on one row"] * 2
    said = advice(table(twin_rmse=[0.01, 0.2], why_not_I=[hinging[0], ""], of=["its limit", "I"]), like=twin())
    assert said.startswith("Report 0.5 nats (95 %: 0.3 to 0.7) by b")
    assert "a hinges on one row" in said.replace("A hinges", "a hinges")
    alone = advice(table(twin_rmse=[0.01, 0.2], why_not_I=hinging), like=twin())
    assert alone.startswith("Report 0.5 nats by a")
    assert "how it scatters hinges on one row, so that no interval for I is given" in alone.replace("How", "how")


def test_copies_of_rows_are_no_draws_and_rows_that_repeat_by_nature_are_none() -> None:
    half = pairs_of_arrays(np.tile(X[:100], (4, 1)), np.tile(Y[:100], (4, 1)))
    zeros = np.where(X > 0, X, 0)
    symbols = pairs_of_arrays(np.arange(400) % 4, np.arange(400) % 3)
    assert dependence(half, 400) == "rows are copies"
    assert share_of_copies(half, 400) == 0.75
    others = (PAIRS, symbols, pairs_of_arrays(zeros, np.where(X > 0, X + Y, 0)), pairs_of_arrays(X, Y > 0))
    assert [share_of_copies(pairs, 400) for pairs in others] == [0] * 4


def test_rows_drawn_from_a_file_that_was_appended_to_itself_are_copies() -> None:
    rows = np.tile(np.random.default_rng(0).normal(size=(1000, 2)).round(1), (2, 1))
    assert 0.15 < share_of_copies(pairs_of_arrays(*rows.T), 600) < 0.3


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_whole_numbers_and_what_depends_on_them_repeat_by_nature_and_copies_of_them_do_not(noise: float) -> None:
    for seed in range(5):
        random = np.random.default_rng(seed)
        whole = random.integers(0, 1000, 600)
        label = (whole % 2) ^ (random.random(600) < noise)
        assert share_of_copies(pairs_of_arrays(whole, label), 600) == 0
        assert share_of_copies(pairs_of_arrays(whole, np.sin(whole)), 600) == 0
        few = random.integers(0, 10_000, 300)
        assert share_of_copies(pairs_of_arrays(np.tile(few, 2), np.tile(few % 2, 2)), 600) > 0.4
        bought = np.round(random.normal(size=(300, 2)), 2)
        assert share_of_copies(pairs_of_arrays(*np.vstack([bought, bought[:60]]).T), 600) > 0.1
        assert share_of_copies(pairs_of_arrays(np.tile(whole[:300], 2), np.tile(X[:300], (2, 1))), 600) > 0.4


@pytest.mark.parametrize("share", [1.0, 0.2])
def test_estimators_that_copies_of_rows_spoil_are_left_out_and_the_answer_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped", "quarters"))
    rows = np.arange(300 + int(300 * share)) % 300
    x, y = X[rows], Y[rows]
    said = mibench.estimate(x, y, estimators="gauss,ksg,infonce", twins=2, results=tmp_path)
    assert set(said.estimates["why_not_I"]) == {"rows are copies"}
    assert said.estimates["p_value"].isna().all()
    assert re.match(
        r"\d+% of the rows are copies of others, .* Drop the copies\. As the rows stand: ", said.recommendation
    )
    assert re.search(
        r": report 0\.2\d+ nats by gauss: it passes the checks \(x and y swapped\), and", said.recommendation
    )
    assert "ksg (takes copies for information)" in said.recommendation
    assert "above" not in said.recommendation
    alone = mibench.estimate(x, y, estimators="ksg", twins=0, results=tmp_path)
    assert "As the rows stand: none of these, because each fails a check" in alone.recommendation


def test_an_estimator_that_sees_nothing_where_others_do_is_left_out() -> None:
    said = advice(table(p_value=[0.6, 0.05]))
    assert "by b" in said
    assert "a (sees no dependence where others do)" in said


def test_no_information_is_said_only_where_all_together_see_none() -> None:
    assert advice(table(), p_value=0.3).startswith("No information is found")


def test_no_limit_is_read_off_estimators_that_miss_what_the_twin_holds() -> None:
    blind = {"twin_rmse": [0.49, 0.1], "twin_bias": [-0.49, 0.01], "twin_deviation": [0.01, 0.1]}
    given = table(**blind, low=[-0.1] * 2, high=[0.6, 0.3])
    assert "lies below about 0.3 nats" in advice(given, like=twin(), p_value=0.3)
    alone = advice(given[:1].assign(estimator="copula"), like=twin(), p_value=0.3)
    assert alone.startswith("None of these, because of the 0.5 nats that twins of these data hold, copula misses more")
    assert "Other estimators may see more, e.g. ksg." in alone
    labels = pairs_of_arrays(np.arange(400) % 4, np.arange(400) % 3)
    assert "Other estimators may see more, e.g. ksg-mixed." in advice(given[:1], like=twin(), p_value=0.3, pairs=labels)
    nothing = advice(given[:1], like=twin().assign(sampling=0.2), p_value=0.3)
    assert nothing.startswith("No information is found"), "the twin may hold nothing"
    scatter = advice(table(**{**blind, "twin_deviation": [0.6] * 2}), like=twin(), p_value=0.3)
    assert scatter.startswith("No information is found"), "an error that is chance shows no loss"


@pytest.mark.parametrize("both", [True, False])
def test_rows_that_lie_far_out_are_named_and_estimates_are_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, both: bool
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped", "jittered"))
    frame = pd.DataFrame({"age": X[:, 0], "y": Y[:, 0]})
    frame.loc[0, "age"] = np.nan
    frame.loc[2, "age"] = 1e9
    if both:
        frame.loc[[2, 7], ["age", "y"]] = -999999.0
    asking = {"estimators": "copula,ksg", "missing": "drop", "twins": 2, "results": tmp_path}
    said = mibench.estimate(frame[["age"]], frame["y"], **asking)
    first = "2 rows of 399 lie far from all others, the first of them" if both else "1 row of 399 lies far from all"
    assert said.recommendation.startswith(first)
    assert f"row 3, where age is {'-999999' if both else '1e+09'}: drop what is an error" in said.recommendation
    assert "As the rows stand: report" in said.recommendation
    clean = mibench.estimate(X, Y, estimators="copula,ksg", twins=0, results=tmp_path)
    assert "far from" not in clean.recommendation
    assert said.estimates["nats"].to_numpy() == pytest.approx(clean.estimates["nats"].to_numpy(), abs=0.05)
    assert set(said.stability["verdict"]) <= {"stable", "moves within its interval"}


def test_the_figure_draws_the_estimate_and_its_interval_to_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    said = mibench.estimate(X, Y, estimators="gauss", twins=2, results=tmp_path)
    row = said.estimates.assign(nats=0.31, low=0.1, high=0.35)
    drawn = next(
        figure for figure in figures(replace(said, estimates=row), PAIRS, 400) if figure.title.startswith("Estimates, ")
    )
    view = drawn.panels[0].svg.view
    (mark,) = view.panel.series["gauss"]
    assert mark.y == 0.31
    assert view.whiskers("gauss", mark) == [((0, 0.1), (0, 0.35))]
    assert "0.31 [0.10, 0.35]" in str(drawn.values)


def test_shuffled_pairs_on_which_a_trial_diverged_are_in_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    said = mibench.estimate(X, Y, estimators="gauss", twins=0, shuffles=3, results=tmp_path)
    shuffled = said.trials["change"] == "shuffled"
    lost = said.trials.assign(status=said.trials["status"].mask(shuffled, "diverged"))
    drawn = next(it for it in figures(replace(said, trials=lost), PAIRS, 400) if it.title == "Shuffled pairs")
    assert drawn.panels[0].svg.view.panel.series["shuffled pairs"] == []


def test_jitter_is_no_check_of_symbols_and_the_answer_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped", "jittered"))
    x = np.random.default_rng(0).permutation(200) < 100
    said = mibench.estimate(x, ~x, estimators="ksg-mixed", twins=0, results=tmp_path)
    assert said.recommendation.startswith("Report 0.69")
    assert set(said.stability["change"]) == {"half of the rows", "x and y swapped"}
    assert any(note.startswith("no jitter was tried") for note in said.notes)


def test_no_number_that_is_not_above_0_is_reported() -> None:
    for unknown in (math.nan, 0.05):
        none = advice(table(nats=[-0.01, 0.0], low=[-0.1] * 2, high=[0.1, 0.2]), p_value=unknown)
        assert none.startswith(
            "No information is found: the estimates are not above 0. What there is lies below about 0.2"
        )
    walks = table(nats=[-0.01, 0.0], low=[-0.1] * 2, high=[0.1, 0.2], why_not_I=["rows depend on each other"] * 2)
    assert advice(walks, p_value=math.nan).endswith("no information is found: the estimates are not above 0.")
    said = advice(table(nats=[-0.01, 0.01], low=[-0.1] * 2, high=[0.1, 0.2], p_value=[math.nan] * 2), p_value=math.nan)
    assert said.startswith(f"Report 0.01 nats (95 %: -0.1 to 0.2{of_limit('b')}")
    assert said.endswith("Left out: a (is not above 0).")
    less_its_bias = table(nats=[0.1, 0.1], low=[-0.1] * 2, high=[0.05] * 2, of=["I"] * 2, twin_rmse=[0.1] * 2)
    assert advice(less_its_bias, like=twin()).startswith("No information is found")


def test_an_estimate_of_rows_that_depend_on_each_other_is_reported_only_where_it_is_told_from_0() -> None:
    of_walks: dict[str, Any] = {"why_not_I": ["rows depend on each other"] * 2}
    none = "no information is found: the estimates are not told from 0 by both intervals and shuffled pairs."
    assert advice(table(low=[-0.1, 0.3], p_value=[0.05, 0.1], **of_walks), p_value=math.nan).endswith(none)
    said = advice(table(low=[-0.1, 0.3], **of_walks), p_value=math.nan)
    assert "report 0.5 nats by b" in said
    assert "eft out: a (is not told from 0)" in said


def test_series_that_have_nothing_to_do_with_each_other_hold_no_information(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    random = np.random.default_rng(0)
    series = random.normal(size=(200, 2))
    for row in range(1, 200):
        series[row] += 0.7 * series[row - 1]
    said = mibench.estimate(*series.T, estimators="gauss,ksg", twins=0, results=tmp_path)
    assert said.recommendation.startswith("Rows depend on those before them")
    assert "As the rows stand: no information is found" in said.recommendation
    assert said.estimates["p_value"].isna().all()


def test_fewer_shuffles_than_can_tell_say_so_and_hide_no_information(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    said = mibench.estimate(X, X**3 + Y / 100, estimators="gauss,ksg", shuffles=18, twins=0, results=tmp_path)
    assert said.p_value == pytest.approx(1 / 19)
    assert "No information" not in said.recommendation
    assert "18 shuffles cannot tell at the 5 % level, which takes 19 or more (`shuffles`)" in said.recommendation
    above, below = (advice(table(), p_value=p_value, shuffles=1) for p_value in (1 / 2, 1.0))
    assert above.startswith("Report 0.5 nats")
    assert below.startswith("No information is found: the estimates are not above those of 1 shuffle.")
    assert all("1 shuffle cannot tell" in one for one in (above, below))
    assert "cannot tell" not in advice(table())


@pytest.mark.parametrize(
    ("estimates", "rows", "reason"),
    [
        (table(nats=[5.5, 5.6], low=[5.0, 5.0], high=[6.0, 6.0]), 400, "near log n"),
        (table(low=[0.4, 0.8], high=[0.6, 0.9]), 400, "no two agree: a"),
        (table(nats=[math.nan] * 2), 400, "gave no number"),
        (table(high=[-0.1, -0.2], low=[-0.3, -0.3]), 400, "is negative"),
        (
            table(bound=["lower", "upper"], low=[0.5, 0.1], high=[0.6, 0.2]),
            400,
            "the lower bound of a lies above the upper bound of b",
        ),
    ],
)
def test_none_is_recommended_for_a_reason(estimates: pd.DataFrame, rows: int, reason: str) -> None:
    said = advice(estimates, rows=rows)
    assert said.startswith("None of these, because")
    assert reason in said


def test_no_estimator_may_be_named_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gaus"):
        mibench.estimate(X, Y, estimators="gaus", results=tmp_path)


def test_too_few_rows_for_the_columns_are_refused_before_anything_is_run(tmp_path: Path) -> None:
    wide = np.random.default_rng(0).normal(size=(120, 21))
    file = tmp_path / "wide.npz"
    np.savez(file, x=wide[:, :20], y=wide[:, 20])
    drawn, enough = (asked(tmp_path, str(file), "-e", "gauss", "--rows", rows) for rows in ("100", "105"))
    assert (drawn.exit_code, enough.exit_code) == (2, 0)
    assert "100 of 120 rows are too few for 21 columns, which need 105: draw more with --rows 105, or" in drawn.output
    assert drawn.output.count("\n") == 1
    few = tmp_path / "few"
    with pytest.raises(UsageError, match="104 of 104 rows are too few for 21 columns, which need 105: get more rows"):
        mibench.estimate(wide[:104, :20], wide[:104, 20], estimators="gauss", results=few)
    assert not few.exists()


def test_an_answer_without_any_estimate_ends_with_1_and_does_not_blame_shuffles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CHANGES", ("swapped",))
    words = beside(tmp_path, "bad", "def f(x, y): raise RuntimeError('boom')")
    failed = asked(tmp_path, *words, "-e", "bad", "--twins", "0")
    assert failed.exit_code == 1
    assert "bad (gave no number (failed))" in failed.output
    assert "--shuffles" not in failed.output
    assert asked(tmp_path, *words, "-e", "bad,gauss", "--twins", "0").exit_code == 0
