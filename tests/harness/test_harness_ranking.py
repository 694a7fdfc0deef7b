"""Ranks: in the known order, with intervals that cover, from whatever failed, is missing or ties."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from rivals_toys import error_table, frame, noise, registry

import mibench
from mibench import frames
from mibench.comparison.error_table import quantities_of
from mibench.comparison.ranking import COLUMNS, rank
from mibench.comparison.shares import ranks_of
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.reporting.overview import pictures
from mibench.reporting.ranks import about_intervals, readable
from mibench.reporting.sections import overview
from mibench.reporting.site.standings import Standings
from mibench.specs import Better, EstimatorSpec, Profile, Quantity, TaskSpec
from mibench.style import Looks

SCALES = {"a": 1.0, "b": 1.3, "c": 2.0}
WORLDS = 200


def world(seed: int, tasks: int, seeds: int, between: float) -> dict[str, np.ndarray]:
    """Errors of estimators whose sizes differ, and by task once more."""
    rng = np.random.default_rng(seed)
    sizes = {name: scale * rng.lognormal(0, between, (tasks, 1, 1)) for name, scale in SCALES.items()}
    return {name: size * rng.standard_normal((tasks, 2, seeds)) for name, size in sizes.items()}


def drawn_errors(seed: int, scales: dict[str, float], shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    return noise(np.random.default_rng(seed), scales, shape)


def expected_ranks(between: float) -> np.ndarray:
    """Over a population of tasks."""
    rng = np.random.default_rng(0)
    sizes = np.array(list(SCALES.values())) * rng.lognormal(0, between, (200_000, 3))
    errors = np.abs(sizes * rng.standard_normal((200_000, 3)))
    return 1 + (errors[:, None, :] < errors[:, :, None]).sum(2).mean(0)


@pytest.mark.parametrize(("tasks", "seeds", "between"), [(1, 10, 0.0), (6, 3, 0.0), (6, 10, 0.5), (12, 5, 0.2)])
def test_intervals_of_ranks_cover_in_95_of_100_worlds(tasks: int, seeds: int, between: float) -> None:
    expected, covered = expected_ranks(between), np.zeros(3)
    for number in range(WORLDS):
        generator = np.random.default_rng(number)
        ranks = ranks_of(error_table(world(number, tasks, seeds, between)), 300, generator)
        covered += (ranks["rank_low"] <= expected) & (expected <= ranks["rank_high"])
    deviation = (0.95 * 0.05 / WORLDS) ** 0.5  # of the share of worlds, if each interval covers with 95 %
    assert abs(covered.mean() / WORLDS - 0.95) < 2 * deviation
    assert np.abs(covered / WORLDS - 0.95).max() < 3 * deviation


@pytest.mark.parametrize(("cells", "seeds"), [(4, 10), (18, 3)])
def test_intervals_of_the_share_near_the_oracle_cover_with_one_task(cells: int, seeds: int) -> None:
    scales = {"a": 1.0, "b": 1.5, "c": 2.0, "d": 3.0, "oracle": 1.0}
    many = {name: (errors[0] ** 2).mean(1) for name, errors in drawn_errors(0, scales, (1, 20_000, seeds)).items()}
    expected = np.array([(many[name] <= 4 * many["oracle"]).mean() for name in "abcd"])
    covered = np.zeros(4)
    for number in range(WORLDS):
        errors = drawn_errors(number + 1, scales, (1, cells, seeds))
        ranks = ranks_of(error_table(errors), 300, np.random.default_rng(number))
        covered += (ranks["near_low"] <= expected) & (expected <= ranks["near_high"])
    assert (covered / WORLDS).min() > 0.9


def test_what_is_far_from_the_oracle_or_first_with_every_seed_of_one_task_has_an_interval_of_its_runs() -> None:
    scales = {"a": 0.02, "b": 30.0, "c": 40.0, "oracle": 1.0}
    few, many = (
        rank(frame(drawn_errors(0, scales, (1, cells, 10))), registry(1)).set_index("estimator") for cells in (4, 18)
    )
    assert few["near"].to_dict() == {"a": 1, "b": 0, "c": 0}
    assert few.loc[["b", "c"], "near_high"].between(0.09, 0.2).all(), "40 runs, and not 4 cells"
    assert many.loc[["b", "c"], "near_high"].between(0.02, 0.05).all(), "180 runs"
    assert 0.8 < few.loc["a", "near_low"] < many.loc["a", "near_low"] < 1
    assert few.loc["a", "rank"] == 1
    assert many.loc["a", "rank_high"] < few.loc["a", "rank_high"] < 1.3


def test_a_known_order_is_found_and_stays_when_any_estimator_is_left_out() -> None:
    scales = {"d": 1.0, "b": 2.0, "a": 4.0, "c": 8.0, "few": 0.5, "oracle": 1.0}
    errors = noise(np.random.default_rng(0), scales, (8, 2, 6))
    errors["few"][1:] = np.nan
    measured = frame(errors)
    order = list(rank(measured, registry(8))["estimator"])
    assert order == ["d", "b", "a", "c", "few"]
    for name in order:
        rest = rank(measured[measured["estimator"] != name], registry(8))
        assert list(rest["estimator"]) == [other for other in order if other != name]


def test_the_share_near_the_oracle_does_not_depend_on_who_else_is_ranked() -> None:
    scales = {"a": 1.2, "b": 3.0, "c": 9.0, "oracle": 1.0}
    measured = frame(noise(np.random.default_rng(0), scales, (4, 3, 5)))
    columns = ["near", "near_low", "near_high"]
    whole = rank(measured, registry(4)).set_index("estimator")[columns]
    fewer = rank(measured[measured["estimator"] != "b"], registry(4)).set_index("estimator")[columns]
    assert fewer["near"].to_dict() == whole.drop("b")["near"].to_dict()
    assert whole.loc["a", "near"] > 0.9
    assert whole.loc["c", "near"] < 0.2


def test_the_share_near_the_oracle_leaves_out_cells_in_which_the_oracle_is_wrong_and_ranks_do_not() -> None:
    plain = frame(noise(np.random.default_rng(0), {"a": 1.0, "b": 9.0, "oracle": 1.0}, (2, 2, 5)), "mi_gradient")
    known = plain.rename(columns={"d": "epsilon"})
    wrong = known["epsilon"].eq(1) & known["estimator"].eq("oracle") & known["task"].eq("t01")
    known["value"] += 1000 * wrong
    known.insert(1, "theta", known["task"].map({"t00": "rho", "t01": "epsilon"}))
    specs = registry(2).entries(TaskSpec)
    declared = [replace(entry.spec, adversarial={"epsilon[epsilon=1]"}) for entry in specs]
    marked = Registry([Plugin("toys", "here", specs=declared)])
    before, after = (rank(known, them).set_index("estimator") for them in (registry(2), marked))
    assert before["near"].to_dict() == {"a": 1, "b": 0.25}
    assert after["near"].to_dict() == {"a": 1, "b": 0}
    assert after["rank"].equals(before["rank"])
    (said,) = after.attrs["left_out"]
    assert said.startswith("the share near the oracle in mi_gradient leaves out 1 cell of t01, ")
    only = rank(known[known["task"].eq("t01") & known["epsilon"].eq(1)], marked)
    assert only["near"].isna().all()
    assert rank(known.assign(measurement="mi"), marked)["near"].tolist() == before["near"].tolist(), "of values"


def test_a_share_near_the_oracle_counts_cells_by_their_root_mean_square_error() -> None:
    errors = {
        "oracle": np.array([[[1.0, -1.0], [1.0, 1.0], [2.0, 0.0]]]),
        "a": np.array([[[2.0, 1.9], [3.0, 0.0], [0.0, 0.0]]]),
        "b": np.array([[[9.0, 9.0], [9.0, 9.0], [1.0, np.inf]]]),
    }
    near = rank(frame(errors), registry(1)).set_index("estimator")["near"].to_dict()
    assert near == pytest.approx({"a": 2 / 3, "b": 0})


def test_ranks_from_3_seeds_are_wider_than_from_10() -> None:
    def width(seeds: int) -> float:
        generator = np.random.default_rng(0)
        tables = [ranks_of(error_table(world(number, 3, seeds, 0.0)), 300, generator) for number in range(10)]
        return float(np.mean([(table["rank_high"] - table["rank_low"]).mean() for table in tables]))

    assert width(3) > 1.3 * width(10)


def test_who_has_one_of_two_tasks_has_the_interval_that_this_task_alone_gives() -> None:
    errors = noise(np.random.default_rng(0), {**SCALES, "oracle": 1.0}, (2, 3, 6))
    errors["c"][1] = np.nan
    ends = ["rank_low", "rank_high", "near_low", "near_high"]
    of_two = rank(frame(errors), registry(2)).set_index("estimator").loc["c", ends]
    of_one = rank(frame({name: part[:1] for name, part in errors.items()}), registry(1)).set_index("estimator")
    pd.testing.assert_series_equal(of_two, of_one.loc["c", ends])


def test_ties_stay_ties() -> None:
    errors = np.random.default_rng(0).standard_normal((2, 2, 3))
    ranks = rank(frame({"b": errors, "a": errors, "c": 9 + errors}), registry(2))
    assert ranks["estimator"].tolist() == ["a", "b", "c"]
    assert ranks["rank"].tolist() == [1.5, 1.5, 3]


def test_what_failed_is_last_and_what_is_missing_or_skipped_is_left_out_and_both_are_counted() -> None:
    errors = {name: scale * np.ones((1, 2, 4)) for name, scale in {"a": 1.0, "b": 2.0, "c": 3.0}.items()}
    errors["a"][0, 0, :2] = np.inf
    errors["b"][0, 1, 0] = np.nan
    skipped = frame({"c": np.array([[[np.inf]]])}).assign(status="skipped", key="skipped")
    errors["c"][0, 0, 0] = np.nan
    diverged = frame(errors)
    diverged.loc[diverged["status"].eq("failed").idxmax(), "status"] = "diverged"
    ranks = rank(pd.concat([diverged, skipped]), registry(1)).set_index("estimator")
    counts = ["failed", "diverged", "skipped", "missing", "cells", "seeds"]
    assert ranks[counts].to_dict("index") == {
        "a": dict(zip(counts, [1, 1, 0, 0, 2, 4], strict=True)),
        "b": dict(zip(counts, [0, 0, 0, 1, 2, 4], strict=True)),
        "c": dict(zip(counts, [0, 0, 1, 0, 2, 4], strict=True)),
    }
    ahead_of_a = (2 / 4 + 0) / 2, (1 / 3 + 0) / 2  # of b and of c, over two cells
    assert ranks.loc["a", "rank"] == pytest.approx(1 + 2 * np.mean(ahead_of_a))


@pytest.mark.parametrize("quantity", ["mi", "mi_gradient"])
def test_what_failed_throughout_is_last_in_what_it_declares_alone(quantity: str) -> None:
    ones = np.ones((1, 2, 3))
    rivals = [frame({"a": ones, "b": 2 * ones}, name) for name in ("mi", "mi_gradient")]
    measured = pd.concat([*rivals, frame({"lost[width=2]": np.inf * ones})])
    of_one: Quantity = "value" if quantity == "mi" else "gradient"
    known = registry(1, [EstimatorSpec(name="lost", target="x:Y", estimates={of_one})])
    ranks = rank(measured, known)
    assert ranks.loc[ranks["estimator"] == "lost[width=2]", "measurement"].tolist() == [quantity]
    assert ranks.loc[ranks["measurement"] == quantity, "estimator"].tolist() == ["a", "b", "lost[width=2]"]
    drawn = {chart.name: rows for chart, rows in pictures(measured, known)}
    lost = drawn["profile"].loc[drawn["profile"]["estimator"] == "lost[width=2]", "measurement"]
    assert lost.unique().tolist() == [f"share/{quantity}"]
    of_whom = {name for name, rows in drawn.items() if "lost[width=2]" in set(rows["estimator"])}
    assert of_whom == {"profile", f"pairs-{quantity}"}


def test_what_failed_throughout_is_not_ranked_where_no_plugin_says_what_it_estimates() -> None:
    ones = np.ones((1, 2, 3))
    rivals = [frame({"a": ones, "b": 2 * ones}, name) for name in ("mi", "mi_gradient")]
    ranks = rank(pd.concat([*rivals, frame({"lost": np.inf * ones})]), registry(1))
    assert ranks["estimator"].tolist() == ["a", "b"] * 2
    why = "lost (all trials failed where others have it, and no plugin here says what is estimated; -p loads one)"
    assert ranks.attrs["left_out"] == [f"not ranked by {name}: {why}" for name in ("mi", "mi_gradient")]
    finite = np.where(np.arange(3) > 1, 1.0, np.inf) * ones
    known_by_a_number = rank(pd.concat([*rivals, frame({"lost": finite})]), registry(1))
    assert known_by_a_number.loc[known_by_a_number["estimator"] == "lost", "measurement"].tolist() == ["mi"]
    assert known_by_a_number.attrs["left_out"] == []


@pytest.mark.parametrize(
    "estimators", [(), (EstimatorSpec(name="lost", target="x:Y", estimates={"value", "gradient"}),)]
)
def test_what_diverged_throughout_is_last_in_what_its_trials_name(estimators: Sequence[EstimatorSpec]) -> None:
    ones = np.ones((1, 2, 3))
    diverged = pd.concat([frame({"lost": ones}, name) for name in ("mi", "mi_gradient")]).assign(status="diverged")
    diverged["value"] = diverged["value"].where(diverged["measurement"] == "mi_gradient")
    rivals = [frame({"a": ones, "b": 2 * ones}, name) for name in ("mi", "mi_gradient")]
    measured, known = pd.concat([*rivals, diverged]), registry(1, estimators)
    ranks = rank(measured, known)
    assert ranks["estimator"].tolist() == ["a", "b", "lost"] * 2
    assert ranks["diverged"].tolist() == [0, 0, 6] * 2
    drawn = {chart.name: rows for chart, rows in pictures(measured, known)}
    for picture in ("profile", "pairs-mi", "pairs-mi_gradient"):
        assert "lost" in set(drawn[picture]["estimator"])


def test_what_failed_throughout_is_last_whatever_its_trials_of_other_tasks_measured() -> None:
    ones = np.ones((1, 2, 3))
    rivals = [frame({"a": ones, "b": 2 * ones}, name) for name in ("mi", "mi_gradient")]
    elsewhere = frame({"lost": np.stack([np.full((2, 3), np.nan), np.ones((2, 3))])}, "score")
    measured = pd.concat([*rivals, frame({"lost": np.inf * ones}), elsewhere])
    known = registry(2, [EstimatorSpec(name="lost", target="x:Y", estimates={"gradient"})])
    ranks = rank(measured, known)
    assert ranks.loc[ranks["estimator"] == "lost", "measurement"].tolist() == ["mi_gradient"]
    unknown = rank(measured, registry(2)).attrs["left_out"]
    assert [sentence.partition(" (")[0] for sentence in unknown] == [
        f"not ranked by {name}: lost" for name in ("mi", "mi_gradient")
    ]


def declaring(**better: Better) -> Registry:
    """A task `t00` that says which way is good of these measurements."""
    named = {name.replace("__", "/"): way for name, way in better.items()}
    task = TaskSpec(name="t00", target="x:Y", profiles={"quick": Profile(seeds=1)}, better=named)
    return Registry([Plugin("toys", "here", specs=[task])])


def test_measurements_are_one_quantity_only_where_the_task_says_which_way_is_good_of_all_that_begin_so() -> None:
    errors = {"a": np.ones((1, 2, 3)), "b": 2 * np.ones((1, 2, 3))}
    names = ["score/conv", "score/fc", "truth/cosine/z", "truth/cosine/weights", "truth/size"]
    measured = pd.concat([frame(errors, name) for name in names])
    known = declaring(**{"score__*": "higher", "truth__cosine*": "truth"})
    assert rank(measured, known)["measurement"].unique().tolist() == ["score"]
    assert {chart.slug for chart, _ in pictures(measured, known)} == {"pairs-score"}
    asked = rank(measured, known, measurements=["truth/cosine/z"])
    assert asked["measurement"].tolist() == ["truth/cosine/z"] * 2
    assert asked["cells"].tolist() == [2, 2]
    assert quantities_of(measured, known) == {"score", "truth/cosine/z", "truth/cosine/weights", "truth"}
    alone = measured[measured["measurement"] == "truth/cosine/z"]
    assert rank(alone, known)["measurement"].unique().tolist() == ["truth/cosine/z"]
    assert "pairs-truth-cosine-z" in {chart.slug for chart, _ in pictures(alone, known)}


def test_unequal_cells_do_not_move_who_is_ahead() -> None:
    """`a` is better than `b` wherever both are; beyond that it has met a strong rival alone."""
    errors = {"a": np.ones((1, 3, 3)), "b": 2 * np.ones((1, 3, 3)), "strong": 0.5 * np.ones((1, 3, 3))}
    errors["b"][0, 1:] = np.nan
    errors["strong"][0, 0] = np.nan
    ranks = rank(frame(errors), registry(1))
    assert ranks["estimator"].tolist() == ["strong", "a", "b"]


def test_one_seed_gives_ranks_without_intervals() -> None:
    ranks = rank(frame(noise(np.random.default_rng(0), SCALES, (1, 3, 1))), registry(1))
    assert ranks["rank"].notna().all()
    assert ranks[["rank_low", "rank_high"]].isna().all(axis=None)


def test_estimators_that_never_met_are_said_not_to_compare() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 1, "c": 1, "d": 1}, (2, 1, 3))
    for name in "ab":
        errors[name][1] = np.nan
    for name in "cd":
        errors[name][0] = np.nan
    (sentence,) = rank(frame(errors), registry(2)).attrs["left_out"]
    assert sentence == "ranks of mi do not compare between groups that have no run in common: a, b | c, d"


def test_estimators_without_a_quantity_in_common_are_not_ranked() -> None:
    parts = [frame({name: np.ones((1, 1, 3))}, quantity) for name, quantity in (("a", "mi"), ("b", "mi_gradient"))]
    with pytest.raises(UsageError, match="no two estimators here have a quantity in common of which a task says"):
        rank(pd.concat(parts), registry(1))


def test_the_same_generator_gives_the_same_intervals_and_another_gives_others() -> None:
    measured = frame(world(0, 4, 5, 0.3))
    first, again = (rank(measured, registry(4), resamples=100, generator=np.random.default_rng(1)) for _ in range(2))
    assert first.equals(again)
    other = rank(measured, registry(4), resamples=100, generator=np.random.default_rng(2))
    assert other["rank"].equals(first["rank"])
    assert not other["rank_low"].equals(first["rank_low"])
    assert rank(measured, registry(4)).equals(rank(measured, registry(4)))
    assert list(first.columns) == list(COLUMNS)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ("a", "there is one estimator here, a"),
        (["a", "oracle"], "oracle, the exact critic, is not ranked, and there is one estimator here, a"),
        (["oracle"], "oracle, the exact critic, is not ranked, and there is no estimator here"),
    ],
)
def test_one_estimator_alone_is_not_ranked(names: Sequence[str], why: str) -> None:
    measured = frame({name: np.ones((1, 1, 2)) for name in names})
    with pytest.raises(UsageError, match=f"there is nothing to rank: {why}$"):
        rank(measured, registry(1))
    with pytest.raises(UsageError, match=f"there is nothing to rank: {why}$"):
        Standings(measured, registry(1))


@pytest.mark.parametrize(
    ("tasks", "seeds", "heading", "about"),
    [
        (1, 1, "rank", "no intervals, which take a second seed of a cell, or a second task"),
        (1, 2, "rank (95 %)", "intervals are for other seeds of this task"),
        (2, 1, "rank (95 %)", "intervals are for other tasks like these 2"),
    ],
)
def test_tables_and_pages_say_what_intervals_are_for_where_there_are_some(
    tasks: int, seeds: int, heading: str, about: str
) -> None:
    measured = frame({name: np.ones((tasks, 1, seeds)) for name in "ab"})
    ranks = rank(measured, registry(tasks))
    assert [name for name in readable(ranks).columns if name.startswith("rank")] == [heading]
    page = overview(measured, registry(tasks), Looks())
    assert page is not None
    assert about_intervals(ranks) == about
    assert f"{about[0].upper()}{about[1:]}." in page.note


def test_seconds_are_the_mean_over_tasks_on_a_page_as_in_a_table() -> None:
    measured = frame({name: np.ones((2, 2, 2)) for name in "ab"})
    in_one_cell = (measured["task"] == "t01") & (measured["d"] == 1)
    measured = measured[~in_one_cell].assign(seconds=np.where(measured[~in_one_cell]["task"] == "t00", 1.0, 4.0))
    ranks = rank(measured, registry(2))
    standings = Standings(measured, registry(2)).rankings[0].of()
    assert ranks["seconds"].tolist() == [it.seconds for it in standings] == [2.5, 2.5]


def test_where_nothing_ended_well_nothing_is_ranked_and_it_is_said_why() -> None:
    diverged = frame({"a": np.ones((1, 1, 2)), "b": np.ones((1, 1, 2))}).assign(status="diverged")
    with pytest.raises(UsageError, match="nothing to rank: no trial here ended well; `mibench report` shows why"):
        rank(diverged, registry(1))


def test_tasks_of_a_plugin_that_is_not_loaded_are_not_said_to_lack_estimators() -> None:
    measured = frame({"a": np.ones((1, 1, 2)), "b": np.ones((1, 1, 2))})
    with pytest.raises(UsageError, match="the plugin that brought task t00 is not installed"):
        rank(measured, registry(0))


def test_an_estimator_of_few_cells_is_listed_with_its_counts_and_moves_no_rank() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 2, "few": 0.1, "oracle": 1}, (4, 2, 5))
    errors["few"][1:] = np.nan
    measured = frame(errors)
    ranks = rank(measured, registry(4))
    others = rank(measured[measured["estimator"] != "few"], registry(4))
    pd.testing.assert_frame_equal(ranks.iloc[:-1], others, check_dtype=False)
    few = ranks.iloc[-1]
    assert (few["estimator"], few["cells"], few["missing"]) == ("few", 2, 30)
    assert few[["rank", "rank_low", "near"]].isna().all()
    (sentence,) = ranks.attrs["left_out"]
    assert sentence.startswith("a rank by mi takes 50% of the cells of the estimator that has most")
    assert sentence.endswith("not ranked: few (2 cells)")


def test_half_of_the_cells_are_enough_and_those_of_the_oracle_are_not_counted() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 2, "c": 3, "oracle": 1}, (4, 2, 5))
    errors["a"][2:] = errors["b"][2:] = np.nan
    assert rank(frame(errors), registry(4))["rank"].notna().all()
    assert rank(frame(errors | {"c": np.full((4, 2, 5), np.nan)}), registry(4))["rank"].notna().all()


def test_where_one_estimator_has_nearly_all_cells_nothing_is_ranked_and_it_is_said_why() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 2}, (4, 2, 5))
    errors["b"][1:] = np.nan
    with pytest.raises(UsageError, match=r"nothing to rank: a rank by mi takes .* not ranked: b \(2 cells\)"):
        rank(frame(errors), registry(4))


@pytest.mark.parametrize(
    ("mige", "mine", "about"),
    [
        ([[1, 0], [0, 1]], [[1, 0], [0, 1]], "no intervals, which take a second seed of a cell, or a second task"),
        ([[1, 1], [0, 0]], [[1, 1], [0, 0]], "intervals are for other seeds of this task"),
        ([[1, 1], [0, 0]], [[0, 0], [1, 1]], "no ranks, which take a run that two estimators have in common"),
    ],
)
def test_the_command_says_why_there_are_no_intervals(
    mige: list[list[int]],
    mine: list[list[int]],
    about: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Result],
) -> None:
    """Each estimator has these seeds of these cells."""
    monkeypatch.chdir(tmp_path)
    runs = {"mige": np.array([mige]), "mine": np.array([mine])}
    measured = frame({name: np.where(there, 1.0, np.nan) for name, there in runs.items()})
    frames.write(measured.assign(task="gaussian", task_plugin="gaussian"), Path("ours.csv"))
    assert cli("rank", "ours.csv").stderr.splitlines()[0] == f"mibench: 2 rows; {about}"


def test_the_command_ranks_a_suite_and_counts_what_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Result]
) -> None:
    monkeypatch.chdir(tmp_path)
    measured = frame(noise(np.random.default_rng(0), {"mige": 1, "mine": 4, "oracle": 1}, (2, 2, 4)))
    measured["task"] = measured["task"].map({"t00": "gaussian", "t01": "student"})
    measured["task_plugin"] = measured["task"].map({"gaussian": "gaussian", "student": "families"})
    frames.write(measured, Path("ours.csv"))
    done = cli("rank", "ours.csv")
    assert done.exit_code == 0, done.output
    header, first, second, _, below = done.stdout.splitlines()
    assert header.split()[:4] == ["rank", "(95", "%)", "estimator"]
    assert ("mige" in first, "mine" in second) == (True, True)
    assert below == "in all rows: measurement mi; tasks 2; cells 4; seeds 4."
    assert done.stderr == "mibench: 2 rows; intervals are for other tasks like these 2\n"
    assert cli("rank", "ours.csv", "-t", "suite:nothing").exit_code == 2
    assert cli("rank", "ours.csv", "-t", "suite:independence").exit_code == 2
    alone = cli("rank", "ours.csv", "-t", "student")
    assert alone.stderr == "mibench: 2 rows; intervals are for other seeds of this task\n"
    ranks = mibench.rank("ours.csv", estimators="mige,mine")
    assert ranks["estimator"].tolist() == ["mige", "mine"]
    assert ranks["near"].isna().all()
