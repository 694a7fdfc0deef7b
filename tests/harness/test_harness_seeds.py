"""Randomness by name: pinned, the same data for every estimator, independent streams for all else."""

from collections.abc import Callable

import pandas as pd
import torch

from mibench.plan.seeds import data_generator, derive_seed, init_generator

CELL = {"d": 2, "rho": 0.5}


def draw(generator: torch.Generator) -> float:
    return torch.randn((), generator=generator, dtype=torch.float64).item()


def test_seeds_are_pinned_so_that_numbers_outlive_releases() -> None:
    assert derive_seed("data", "toy", CELL, 0) == 3319634552915190453
    assert data_generator("toy", CELL, 0).initial_seed() == 3319634552915190453
    assert init_generator("steady", {"scale": 1.0}, "toy", CELL, 0).initial_seed() == 7863884398837045500


def test_streams_differ_by_every_name_they_are_made_of() -> None:
    streams = [
        data_generator("toy", CELL, 0),
        data_generator("toys", CELL, 0),
        data_generator("toy", {**CELL, "rho": 0.25}, 0),
        data_generator("toy", CELL, 1),
        init_generator("steady", {"scale": 1.0}, "toy", CELL, 0),
        init_generator("steadier", {"scale": 1.0}, "toy", CELL, 0),
        init_generator("steady", {"scale": 2.0}, "toy", CELL, 0),
        init_generator("steady", {"scale": 1.0}, "toys", CELL, 0),
        init_generator("steady", {"scale": 1.0}, "toy", {**CELL, "rho": 0.25}, 0),
        init_generator("steady", {"scale": 1.0}, "toy", CELL, 1),
    ]
    assert len({draw(stream) for stream in streams}) == len(streams)


def test_order_of_names_in_a_cell_does_not_matter() -> None:
    assert draw(data_generator("toy", {"rho": 0.5, "d": 2}, 0)) == draw(data_generator("toy", CELL, 0))


def test_all_estimators_see_the_same_data(run: Callable[..., pd.DataFrame]) -> None:
    frame = run("steady[scale=1|2|3],lost", "toy[d=2|3]", seeds=2)
    draws = frame[frame["measurement"] == "draw"].groupby(["d", "rho", "seed"])["value"]
    assert (draws.size() == 4).all()
    assert (draws.nunique() == 1).all()
    assert frame[frame["measurement"] == "draw"]["value"].nunique() == 2 * 2 * 2


def test_another_estimator_changes_nobody_elses_numbers(run: Callable[..., pd.DataFrame]) -> None:
    alone = run("steady")
    together = run("steady,lost,steep", rerun="all")
    kept = together[together["estimator"] == "steady"].reset_index(drop=True)
    pd.testing.assert_series_equal(kept["value"], alone["value"])


def test_the_global_stream_is_neither_read_nor_moved(run: Callable[..., pd.DataFrame]) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = run()
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(2)
    assert first["value"].equals(run(rerun="all")["value"])
