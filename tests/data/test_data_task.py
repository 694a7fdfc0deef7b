"""The task `data`: trials on a user's own file."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from mibench_baselines.gauss import Gauss
from mibench_data.changes import CHANGES, changed, ranks, standardised
from mibench_data.resampling import halved, share_of_one_row

import mibench
from mibench.cli import main
from mibench.contracts import Problem
from mibench.errors import UsageError
from mibench.estimation.intervals import MOST_OF_ONE_ROW
from mibench.pairs import read_pairs
from mibench.twins import twin_of

RHO = 0.6
TRUTH = -0.5 * np.log(1 - RHO**2)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    x = random.normal(size=(600, 2))
    np.savez(tmp_path / "pairs.npz", x=x, y=RHO * x + (1 - RHO**2) ** 0.5 * random.normal(size=(600, 2)))
    return tmp_path / "pairs.npz"


def ask(pairs: Path, estimators: str, options: str = "", **more: object) -> "pd.Series[float]":
    selector = f"data[file={pairs.name}{options and f',{options}'}]"
    given = {"results": pairs.parent / "results", "data_dir": pairs.parent, **more}
    frame = mibench.run(estimators, selector, **given)  # pyright: ignore[reportArgumentType]
    assert frame["truth"].isna().all()
    return frame.set_index(["estimator", "measurement"])["value"]


def test_the_interval_of_a_gaussian_covers_its_information(pairs: Path) -> None:
    values = ask(pairs, "gauss", "halvings=10")["gauss"]
    assert abs(values["mi_corrected"] - 2 * TRUTH) < 2.23 * values["mi_error"]
    assert 0.01 < values["mi_error"] < 0.06
    assert values["mi_corrected"] < values["mi"] < values["mi_half"]
    assert values["samples"] == 600


def test_the_halved_error_agrees_with_the_spread_over_data_sets(tmp_path: Path) -> None:
    random, values, errors = np.random.default_rng(0), list[float](), list[float]()
    for index in range(25):
        x = random.normal(size=(200, 1))
        path = tmp_path / f"{index}.npz"
        np.savez(path, x=x, y=RHO * x + (1 - RHO**2) ** 0.5 * random.normal(size=(200, 1)))
        answer = ask(path, "gauss", "halvings=10")["gauss"]
        values.append(answer["mi_corrected"])
        errors.append(answer["mi_error"])
    assert 0.6 < np.mean(errors) / np.std(values, ddof=1) < 1.6


def test_the_halved_error_is_that_of_the_corrected_estimate_where_the_correction_adds_noise() -> None:
    """Of an estimate that is nothing but noise with variance 1/n, the corrected one has the variance 4/n + 1/(k n)."""
    random, n, halvings = np.random.default_rng(0), 100, 4
    values, squares = list[float](), list[float]()
    stream = torch.Generator().manual_seed(0)

    def noise(rows: torch.Tensor) -> float:
        return random.normal() / len(rows) ** 0.5

    for _ in range(2000):
        whole = random.normal() / n**0.5
        said = {it.name: it.value for it in halved(noise, whole, n, halvings, stream)}
        values.append(said["mi_corrected"])
        squares.append(said["mi_error"] ** 2)
    assert np.var(values) == pytest.approx((4 + 1 / halvings) / n, rel=0.1)
    assert np.mean(squares) == pytest.approx(np.var(values), rel=0.1)


def row_shares(draw: Callable[[], torch.Tensor], count: int = 30) -> list[float]:
    """The share of one row in the plug-in Gaussian on draws of pairs `(n, 2)`."""
    shares: list[float] = []
    for number in range(count):
        x, y = draw().split(1, dim=-1)

        def ask(rows: torch.Tensor, x: torch.Tensor = x, y: torch.Tensor = y) -> float:
            return GAUSS.mi(x[rows], y[rows]).item()

        whole = ask(torch.arange(len(x)))
        shares.append(share_of_one_row(ask, whole, x, y, torch.Generator().manual_seed(number)))
    return shares


GAUSS = Gauss(None, Problem(dx=1, dy=1, generators=()))
RANDOM = np.random.default_rng(0)


def normal(n: int = 300) -> torch.Tensor:
    x = RANDOM.normal(size=(n, 1))
    return torch.from_numpy(np.hstack([x, RHO * x + (1 - RHO**2) ** 0.5 * RANDOM.normal(size=(n, 1))]))


def student(nu: float) -> torch.Tensor:
    rows = normal()
    return rows / torch.from_numpy(RANDOM.chisquare(nu, (len(rows), 1)) / nu).sqrt()


def log_normal() -> torch.Tensor:
    return (2 * normal()).exp()


def pareto(alpha: float) -> torch.Tensor:
    return (1 - torch.special.ndtr(normal())) ** (-1 / alpha)


@pytest.mark.parametrize(
    "draw",
    [lambda: student(1.5), lambda: student(2), log_normal, lambda: pareto(1.5), lambda: pareto(2.5)],
    ids=["student 1.5", "student 2", "log-normal", "pareto 1.5", "pareto 2.5"],
)
def test_one_row_makes_much_of_the_variance_of_a_gaussian_estimate_where_tails_are_heavy(
    draw: Callable[[], torch.Tensor],
) -> None:
    shares = row_shares(draw)
    assert np.mean(np.array(shares) > MOST_OF_ONE_ROW) > 0.75
    assert max(shares) <= 1


@pytest.mark.parametrize(
    "draw",
    [
        normal,
        lambda: normal(1000),
        lambda: torch.special.ndtr(normal()),
        lambda: normal().tanh(),
        lambda: normal().sign() + 0.3 * normal(),
    ],
    ids=["normal", "normal, many rows", "uniform", "bounded", "two clusters"],
)
def test_no_row_makes_much_of_the_variance_where_tails_are_light(draw: Callable[[], torch.Tensor]) -> None:
    assert np.mean(np.array(row_shares(draw)) > MOST_OF_ONE_ROW) <= 1 / 15


def test_the_row_that_makes_the_variance_is_the_one_that_was_planted() -> None:
    """A mean whose rows are +-1 but for one of size a has the share a^2 / (a^2 + n - 1) in it."""
    n = 205
    rows = torch.ones(n, 1, dtype=torch.float64)
    rows[::2] = -1
    rows[7] = 20
    total = rows.sum()

    def ask(kept: torch.Tensor) -> float:
        return (rows[kept].sum() / n).item()

    shares = [
        share_of_one_row(ask, (total / n).item(), rows, rows, torch.Generator().manual_seed(k)) for k in range(200)
    ]
    assert np.median(shares) == pytest.approx(400 / (400 + n - 1), abs=0.06)


def test_the_share_of_one_row_is_on_record_for_data_and_not_for_twins(pairs: Path) -> None:
    assert 0 <= ask(pairs, "gauss", "halvings=2")["gauss", "mi_row_share"] < MOST_OF_ONE_ROW
    twin = mibench.run(
        "gauss", f"data[file={pairs.name},halvings=2,twin=1]", data_dir=pairs.parent, results=pairs.parent
    )
    assert "mi_row_share" not in set(twin["measurement"])


def test_estimators_are_ranked_by_their_errors_on_twins(pairs: Path) -> None:
    results = str(pairs.parent / "results")
    twins = f"data[file={pairs.name},twin=1|2,halvings=2]"
    mibench.run("gauss,ksg", twins, results=results, data_dir=pairs.parent, executor="serial")
    assert list(mibench.rank(results)["measurement"]) == ["mi", "mi"]
    assert set(mibench.rank(results, measurements="mi_half,mi_corrected")["measurement"]) == {"mi_half", "mi_corrected"}
    compared = CliRunner().invoke(main, ["compare", "gauss", "--with", "all", "--results", results])
    assert compared.stderr.splitlines() == ["mibench: 1 row compared: 1 inconclusive"]


def test_each_seed_draws_a_twin_of_its_own_and_so_adds_evidence(pairs: Path) -> None:
    frame = mibench.run(
        "gauss,ksg", f"data[file={pairs.name},rows=100,twin=1]", seeds=4, data_dir=pairs.parent, results=pairs.parent
    )
    values = frame[frame["measurement"] == "mi"].groupby("estimator")["value"]
    assert values.nunique().tolist() == [4, 4]
    twin = twin_of(read_pairs([pairs]), 100)
    assert twin
    drawn = twin.margins.restored(twin.model.normal(twin.model.draw(100, np.random.default_rng([1, 100]))))
    x, y = (standardised(torch.from_numpy(block)).float() for block in drawn)
    assert values.first()["gauss"] == pytest.approx(mibench.probe("gauss", 2, 2).mi(x, y).item(), abs=1e-5)


def test_a_change_of_a_twin_leaves_it_the_truth_that_is_known_of_it(pairs: Path) -> None:
    task = f"data[file={pairs.name},twin=1,change=none|shuffled|rounded|swapped]"
    frame = mibench.run("gauss", task, data_dir=pairs.parent, results=pairs.parent, executor="serial")
    truth = frame[frame["measurement"] == "mi"].set_index("change")["truth"]
    assert truth["none"] == truth["swapped"] > 0
    assert truth["shuffled"] == 0
    assert np.isnan(truth["rounded"])


def test_where_no_truth_is_known_nothing_is_ranked_and_that_is_said(pairs: Path) -> None:
    ask(pairs, "gauss,ksg")
    results = str(pairs.parent / "results")
    ranked = CliRunner().invoke(main, ["rank", results])
    said = "mibench: there is nothing to rank: no truth is known of what was measured here\n"
    assert (ranked.exit_code, ranked.stderr) == (2, said)
    compared = CliRunner().invoke(main, ["compare", "gauss", "--with", "all", "--results", results])
    assert compared.stderr.splitlines() == [
        "mibench: 0 rows compared",
        "  no truth is known of what was measured of gauss",
        "  no truth is known of what was measured of ksg",
        "  --baseline RESULTS compares with other results of the same trials, seed by seed",
    ]


def test_one_who_trains_is_judged_on_rows_that_it_has_not_seen(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    np.savez(tmp_path / "pairs.npz", x=random.normal(size=(60, 8)), y=random.normal(size=(60, 8)))
    values = ask(tmp_path / "pairs.npz", "infonce", "steps=200,batch=30")
    assert values["infonce", "mi"] < 0.1


@pytest.mark.parametrize("name", sorted(set(CHANGES) - {"shuffled", "rounded", "noise"}))
def test_changes_keep_the_information_of_normal_pairs(name: str, pairs: Path) -> None:
    plain = ask(pairs, "gauss")["gauss", "mi"]
    assert ask(pairs, "gauss", f"change={name}")["gauss", "mi"] == pytest.approx(plain, abs=0.06)


def test_shuffled_pairs_have_none_and_differ_from_seed_to_seed(pairs: Path) -> None:
    values = ask(pairs, "gauss", "change=shuffled", seeds=5)["gauss", "mi"]
    assert values.nunique() == 5
    assert values.max() < 0.03


def test_shuffles_and_training_do_not_depend_on_where_and_how_the_pairs_are_written(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 60))
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez(tmp_path / "b.npz", age=x, bmi=y)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    pd.DataFrame({"age": x, "bmi": y}).to_csv(tmp_path / "c.csv", index=False)
    written = [
        "file=a.npz",
        "file=b.npz,x=age,y=bmi",
        "file=x.npy,partner=y.npy",
        "file=c.csv,x=age,y=bmi,missing=drop",
    ]
    tasks = [f"data[{one},change=none|shuffled,steps=2,batch=8]" for one in written]
    asked = mibench.run("gauss,infonce", tasks, seeds=2, data_dir=tmp_path, results=tmp_path, executor="serial")
    values = asked[asked["measurement"] == "mi"].groupby(["estimator", "change", "seed"])["value"]
    assert (values.count() == 4).all()
    assert (values.nunique() == 1).all()


def test_ranks_do_not_depend_on_units_and_share_ties() -> None:
    block = torch.tensor([[3.0], [1.0], [1.0], [9.0]], dtype=torch.float64)
    assert torch.equal(ranks(block), ranks(block.exp()))
    assert ranks(block)[1] == ranks(block)[2]


@pytest.mark.parametrize("code", [-999.0, 1e9, 1e30, 1e99])
def test_others_are_in_their_own_units_where_values_lie_far_out_which_are_pulled_in_one_to_one(code: float) -> None:
    block = torch.randn(600, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    others, coded = torch.arange(600) % 100 > 0, block.clone()
    coded[~others, 1] = code * torch.linspace(1, 2, 6, dtype=torch.float64)
    units = standardised(coded)
    assert torch.equal(units[:, 0], standardised(block)[:, 0]), "no other column changes, to the last bit"
    assert torch.allclose(units[others, 1], standardised(block[others])[:, 1])
    pulled = units[~others, 1].abs()
    assert units[others, 1].abs().max() < pulled.min() <= pulled.max() < 40
    assert len(units[:, 1].float().unique()) == 600, "single precision tells all of them apart"
    assert torch.allclose(standardised(-1e-9 * coded), -units)


def test_jitter_is_small_for_most_rows_where_some_lie_far_out() -> None:
    block = torch.randn(600, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    coded = block.clone()
    coded[::100] = -999999.0
    moved = [changed("jittered", it, it, torch.Generator().manual_seed(1))[0] - it for it in (block, coded)]
    assert torch.allclose(moved[0], moved[1], rtol=0.1, atol=1e-9)


def test_a_change_of_no_name_is_none() -> None:
    x, y = torch.ones(3, 1), torch.zeros(3, 1)
    assert changed("none", x, y, torch.Generator()) == (x, y)


def test_the_null_flow_of_a_linear_map_is_zero_for_a_gaussian(pairs: Path) -> None:
    values = ask(pairs, "gauss", "flows=true")["gauss"]
    assert values["null_flow/scale"] == pytest.approx(0, abs=1e-5)
    assert values["null_flow/rotation"] == pytest.approx(0, abs=1e-5)
    assert 0 < values["null_flow_error/sine"] < 0.2


def test_estimators_that_cannot_answer_are_skipped(pairs: Path) -> None:
    frame = mibench.run("mige,oracle", f"data[file={pairs}]", results=pairs.parent / "results")
    assert set(frame["status"]) == {"skipped"}


def test_keys_hold_contents_and_records_hold_no_row(pairs: Path) -> None:
    keys: list[str] = []
    for place in (pairs, pairs.parent / "elsewhere" / pairs.name):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(pairs.read_bytes())
        given = {"results": pairs.parent / "results", "data_dir": place.parent}
        frame = mibench.run("gauss", "data[file=pairs.npz]", **given)
        keys.append(frame["key"].iloc[0])
        assert frame["data"].str.fullmatch("sha256:[0-9a-f]{16}").all()
    assert keys[0] == keys[1]
    (record,) = (pairs.parent / "results" / "records").rglob("*.json")
    assert len(json.dumps(json.loads(record.read_text()))) < 5000
    with np.load(pairs) as arrays:
        np.savez(pairs, x=arrays["x"] + 1, y=arrays["y"])
    assert mibench.run("gauss", "data[file=pairs.npz]", **given)["key"].iloc[0] == keys[0]
    moved = mibench.run("gauss", f"data[file={pairs}]", results=pairs.parent / "results")
    assert moved["key"].iloc[0] != keys[0]


def test_many_rows_are_subsampled_alike_for_every_estimator(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(100_000, 1))
    np.savez(tmp_path / "pairs.npz", x=x, y=x + random.normal(size=(100_000, 1)))
    values = ask(tmp_path / "pairs.npz", "gauss,cca", "rows=500")
    assert values["gauss", "samples"] == 500
    assert values["gauss", "mi"] - values["cca", "mi"] == pytest.approx(0.5 / 500, rel=0.1)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("data", "name it as in"),
        ("data[file=absent.npz]", "cannot read"),
        ("data[file=pairs.npz,rows=3]", "`rows` is at least 20, not 3"),
        ("data[file=pairs.npz,x=a;b]", "no array is 'a and b'"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is(selector: str, message: str, pairs: Path) -> None:
    with pytest.raises(UsageError, match=message):
        mibench.run("gauss", selector, results=pairs.parent / "results", data_dir=pairs.parent)
    assert not (pairs.parent / "results" / "records").exists()
