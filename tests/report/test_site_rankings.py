"""Who is ranked on a site: estimators that have enough of the cells, each family counting alike."""

import html
import shlex
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import site_cases

from mibench.comparison.eligible import shares_of_cells, too_few
from mibench.comparison.error_table import ErrorTable
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.reporting.site import build
from mibench.reporting.site.rankings import choices
from mibench.reporting.site.standings import Standings
from mibench.specs import TaskSpec


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


NO_TRIALS = pd.DataFrame(columns=["task", "estimator", "cell", "seconds", "samples"], dtype=float)


def ranked(**cells: list[int]) -> tuple[list[str], list[str]]:
    """The estimators that are ranked in all cells, and those that have too few."""
    standings = choices(table(**cells), NO_TRIALS).of()
    assert [row.cells for row in standings] == [len(cells[row.estimator]) for row in standings]
    return [it.estimator for it in standings if it.rank_text], [it.estimator for it in standings if not it.rank_text]


def test_levels_of_a_quantity_are_counted_once() -> None:
    of_levels = table(a=[0, 1, 2, 3, 4, 5], b=[0, 1])
    places = of_levels.places.assign(cell=[0, 0, 1, 1, 2, 2])
    of_levels = replace(of_levels, places=places, errors=np.where(of_levels.errors == 2.0, np.inf, of_levels.errors))
    assert too_few(of_levels, ["a", "b"]).endswith("not ranked: a (3 cells), b (1 cell)")
    small = choices(of_levels, NO_TRIALS).of("small")
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
        choices(table(b=[0, 1, 2, 3, 4, 5], c=[0, 1, 2, 3, 4, 5], **more), NO_TRIALS).of()[:2]
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


def standing(frame: pd.DataFrame, family: str) -> dict[str, str]:
    """How many pairs each estimator has seen, on the page of a family."""
    rows = Standings(frame, site_cases.registry()).rows
    return {row.facts.name: row.standing.samples for row in rows if row.family == family and row.quantity == "mi"}


def test_pairs_seen_are_those_of_the_cells_of_a_page() -> None:
    frame = site_cases.frame()
    uncounted = frame[~(frame["task"].eq("turned") & frame["measurement"].eq("samples"))]
    assert standing(uncounted, "plain") == {"good": "256", "bad": "256", "trains": "51200"}
    assert standing(uncounted, "turned") == {"good": "", "bad": "", "trains": ""}


def test_a_trial_that_diverged_says_nothing_of_how_many_pairs_an_estimator_has_seen() -> None:
    frame = site_cases.frame()
    lost = (frame["estimator"] == "good") & (frame["seed"] == 0) & (frame["d"] == 2)
    many = frame["value"].mask(lost & (frame["measurement"] == "samples"), 1e6)
    diverged = frame.assign(value=many, status=frame["status"].mask(lost, "diverged"))
    assert standing(diverged, "plain")["good"] == "256"


def command(page: str) -> list[str]:
    return shlex.split(html.unescape(page.rpartition("<pre ")[2].partition("<code>")[2].partition("</code>")[0]))


def with_oracle(frame: pd.DataFrame) -> pd.DataFrame:
    oracle = frame[frame["estimator"].eq("good") & frame["task"].eq("plain")].assign(estimator="oracle")
    return pd.concat([frame, oracle.assign(key=oracle["key"] + "oracle")], ignore_index=True)


def test_the_page_of_the_oracle_says_that_it_is_not_ranked_and_how_to_run_it() -> None:
    page = dict(build(Standings(with_oracle(site_cases.frame()), site_cases.registry())))["estimators/oracle.html"]
    assert "It knows the answer, and is not ranked" in page
    assert "<tbody>" not in page
    assert command(page) == ["mibench", "run", "--estimators", "oracle", "--task", "plain"]


def test_the_command_of_a_family_runs_estimators_of_its_page() -> None:
    frame = with_oracle(site_cases.frame())
    shipped = frame.assign(estimator=frame["estimator"].mask(frame["estimator"] == "bad", "bad (shipped)"))
    pages = dict(build(Standings(shipped, site_cases.registry())))
    assert command(pages["families/plain.html"])[3:] == ["oracle,good,trains", "--task", "plain"]
    assert command(pages["families/turned.html"])[3:] == ["bad,trains", "--task", "turned"]
    assert command(pages["estimators/bad.html"])[3:] == ["bad", "--task", "plain,turned"]


def test_pages_mark_adversarial_gradients_and_no_others() -> None:
    registry = site_cases.registry()
    specs = [replace(entry.spec, adversarial={"d[d=2]"}) for entry in registry.entries(TaskSpec)]
    frame = with_oracle(site_cases.frame())
    frame.insert(1, "theta", frame["task"].map({"plain": "d", "turned": "other"}))
    standings = Standings(frame, Registry([Plugin("cases", "here", specs=specs)]))
    marked = {(row.family, row.quantity) for row in standings.rows if row.adversarial}
    assert marked == {("plain", "mi_gradient")}
    pages = dict(build(standings))
    assert all(" *</td>" in pages[page] for page in ("families/plain.html", "estimators/good.html"))
    assert all("* adversarial: " in pages[page] for page in ("families/plain.html", "estimators/good.html"))
    assert " *</td>" not in pages["families/turned.html"]
    assert "adversarial" not in pages["families/turned.html"]
    assert '<p class="note" data-quantity="mi_gradient">the share near' in pages["index.html"]
    assert "leaves out 1 cell of plain" in pages["index.html"]
