"""Who is ranked on a site: estimators that have enough of the cells, each family counting alike."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import site_cases

from mibench.comparison.eligible import shares_of_cells, too_few
from mibench.comparison.error_table import ErrorTable
from mibench.reporting.site import build
from mibench.reporting.site.rankings import choices
from mibench.reporting.site.standings import Standings


def table(**cells: list[int]) -> ErrorTable:
    """A task of two cells and one of four; each estimator has some of their numbers, in two seeds."""
    numbers = np.repeat(np.arange(6), 2)
    tasks = np.where(numbers < 2, "small", "large")
    names = tuple(sorted(cells))
    errors = [np.where(np.isin(numbers, cells[name]), 1.0 + place, np.nan) for place, name in enumerate(names)]
    places = pd.DataFrame({"task": ["small"] * 2 + ["large"] * 4, "measurement": "mi", "n": 10, "cell": range(6)})
    places["adversarial"] = False
    return ErrorTable(
        quantity="mi",
        estimators=names,
        tasks=tasks,
        cells=numbers,
        seeds=np.tile([0, 1], 6),
        errors=np.column_stack(errors),
        places=places,
        distances=True,
    )


NO_SECONDS = pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []], names=["task", "estimator"]))


def ranked(**cells: list[int]) -> tuple[list[str], list[str]]:
    """The estimators that are ranked in all cells, and those that have too few."""
    standings = choices(table(**cells), NO_SECONDS).of()
    assert [row.cells for row in standings] == [len(cells[row.estimator]) for row in standings]
    return [it.estimator for it in standings if it.rank_text], [it.estimator for it in standings if not it.rank_text]


def test_levels_of_a_quantity_are_counted_once() -> None:
    of_levels = table(a=[0, 1, 2, 3, 4, 5], b=[0, 1])
    places = of_levels.places.assign(cell=[0, 0, 1, 1, 2, 2])
    of_levels = replace(of_levels, places=places, errors=np.where(of_levels.errors == 2.0, np.inf, of_levels.errors))
    assert too_few(of_levels, ["a", "b"]).endswith("not ranked: a (3 cells), b (1 cell)")
    small = choices(of_levels, NO_SECONDS).of("small")
    assert {it.estimator: (it.cells, it.failed, it.absent) for it in small} == {"a": (1, 0, 0), "b": (1, 2, 0)}


def test_families_count_alike_whatever_their_number_of_cells() -> None:
    shares = shares_of_cells(table(a=[0, 1], b=[2, 3], c=[0, 2, 3, 4, 5]))
    assert shares.tolist() == pytest.approx([1 / 2, 1 / 4, 3 / 4])


def test_an_estimator_that_is_best_in_a_few_cells_is_not_ranked_before_those_of_all() -> None:
    assert ranked(a=[0], b=[0, 1, 2, 3, 4, 5], c=[0, 1, 2, 3, 4, 5]) == (["b", "c"], ["a"])


def test_half_of_the_cells_are_enough() -> None:
    assert ranked(a=[0, 2, 3], b=[0, 1, 2, 3, 4, 5], c=[0, 2]) == (["a", "b"], ["c"])


def test_most_cells_are_those_of_the_estimator_that_has_most() -> None:
    assert ranked(a=[0], b=[0, 2], c=[0, 2]) == (["a", "b", "c"], [])


def test_the_oracle_is_not_ranked_and_does_not_make_a_ranking() -> None:
    assert ranked(oracle=[0, 1, 2, 3, 4, 5], a=[0, 1, 2]) == ([], [])


def test_the_rank_of_an_estimator_does_not_depend_on_those_that_are_not_ranked() -> None:
    alone, beside = (
        choices(table(b=[0, 1, 2, 3, 4, 5], c=[0, 1, 2, 3, 4, 5], **more), NO_SECONDS).of()[:2]
        for more in ({}, {"a": [0]})
    )
    assert [row.rank_text for row in alone] == [row.rank_text for row in beside]


def test_pages_name_those_that_have_too_few_cells() -> None:
    frame = site_cases.frame()
    few = frame[frame["estimator"].eq("good") & frame["task"].eq("plain") & frame["d"].eq(2)].assign(estimator="rare")
    frame = pd.concat([frame, few.assign(key=few["key"] + "rare")], ignore_index=True)
    pages = dict(build(Standings(frame, site_cases.registry())))
    _, _, below = pages["index.html"].partition("Too few cells to rank")
    assert '>rare</a></td><td class="num">1</td>' in below
    assert "rare" not in pages["index.html"].partition("Too few cells to rank")[0].partition("<tbody>")[2]
    assert ">too few cells</a>" in pages["estimators/rare.html"]
    assert ">too few cells</a>" not in pages["estimators/good.html"]


def test_the_page_of_an_estimator_names_its_variants_and_draws_only_what_was_measured_of_it() -> None:
    frame = site_cases.frame()
    wide = frame[frame["estimator"].eq("trains")].assign(estimator="trains[width=2]")
    oracle = frame[frame["estimator"].eq("good")].assign(estimator="oracle")
    more = [rows.assign(key=rows["key"] + name) for rows, name in ((wide, "wide"), (oracle, "oracle"))]
    pages = dict(build(Standings(pd.concat([frame, *more], ignore_index=True), site_cases.registry())))
    page = pages["estimators/trains.html"]
    best = page.partition("Best:")[2].partition("</p>")[0]
    assert "(trains, mi, " in best
    assert "(trains[width=2], mi, " in best
    assert "(mi, " in pages["estimators/good.html"].partition("Best:")[2].partition("</p>")[0]
    assert page.count("<h4>") == 0  # one panel, of `mi`, whose oracle has a gradient too
    assert pages["estimators/good.html"].count("<h4>") == 2


def test_a_trial_that_diverged_says_nothing_of_how_many_pairs_an_estimator_has_seen() -> None:
    frame = site_cases.frame()
    lost = (frame["estimator"] == "good") & (frame["seed"] == 0) & (frame["d"] == 2)
    many = frame["value"].mask(lost & (frame["measurement"] == "samples"), 1e6)
    diverged = frame.assign(value=many, status=frame["status"].mask(lost, "diverged"))
    assert Standings(diverged, site_cases.registry()).facts["good"].samples == "256"
