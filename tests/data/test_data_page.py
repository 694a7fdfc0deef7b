"""The page of `mibench estimate -o`: one offline file with the answer, its figures and nothing unescaped."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mibench.cli import main
from mibench.estimation.page import to_read

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 2))
    frame = pd.DataFrame({EVIL: x[:, 0], "b": x[:, 1], "y": x[:, 0] + random.normal(size=200)})
    frame.to_csv(folder / "data.csv", index=False)
    words = ["estimate", str(folder / "data.csv"), "--x", EVIL, "--x", "b", "--y", "y", "-e", "gauss,copula"]
    words += ["--twins", "2", "--shuffles", "2", "--executor", "serial", "--results", str(folder / "results")]
    result = CliRunner().invoke(main, [*words, "-o", str(folder / "new" / "page.html")])
    assert result.exit_code == 0, result.output
    return (folder / "new" / "page.html").read_text(encoding="utf-8")


def test_an_estimate_that_gave_no_number_has_no_interval() -> None:
    rows = {"low": [0.1, math.nan], "high": [0.2, math.nan], "twin_rmse": [math.nan] * 2, "why_not_I": [""] * 2}
    columns = ["estimator", "nats", "of", "bits", "p_value", "null_mean", "null_deviation"]
    rows |= {"twin_lost": [""] * 2}
    frame = pd.DataFrame({**rows, "status": ["ok", "skipped"], **dict.fromkeys(columns, 0)})
    assert to_read(frame)["95 %"].tolist() == ["0.1 to 0.2", ""]


def test_draws_of_the_twin_that_were_lost_have_a_column_where_there_are_any() -> None:
    names = ["estimator", "nats", "of", "bits", "p_value", "null_mean", "null_deviation", "low", "high", "twin_rmse"]
    frame = pd.DataFrame({**dict.fromkeys(names, [0.1] * 2), "twin_bias": 0.0, "twin_deviation": 0.1, "status": "ok"})
    whole = frame.assign(why_not_I="", twin_lost="")
    assert "twin_lost" not in to_read(whole)
    assert "twin_lost" in to_read(whole.assign(twin_lost=["", "diverged on 1 of 10 draws"]))


def test_the_page_says_what_to_report(page: str) -> None:
    assert re.search(r"<strong>(Report|None of these|No information)", page)
    assert "Gaussian copula" in page


def test_the_page_draws_ranks_estimates_fewer_rows_and_shuffles(page: str) -> None:
    titles = re.findall(r"<figure.*?<h3>(.*?)</h3>", page, re.DOTALL)
    assert titles == [
        "The data and their twin",
        "Estimates, and errors on the twin",
        "Estimates against 1/n",
        "Shuffled pairs",
    ]
    figures = page.split("<figure")[1:]
    assert [figure.count('role="application"') for figure in figures] == [2, 2, 1, 1]
    assert all(re.search(r'class="(mark|line)" d="M', figure) for figure in figures)


def test_the_data_the_twin_and_shuffled_pairs_have_colours_of_their_own_whatever_estimators_there_are(
    page: str,
) -> None:
    buttons = re.findall(r'<button type="button" class="(s\d+) d\d".*?<span>(.*?)</span>', page)
    assert {name: colour for colour, name in buttons if name in {"data", "twin", "shuffled pairs"}} == {
        "data": "s8",
        "twin": "s9",
        "shuffled pairs": "s10",
    }


def test_the_page_fetches_nothing_and_escapes_names(page: str) -> None:
    assert EVIL not in page
    assert "&lt;img src=x" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "default-src &#39;none&#39;" in page
