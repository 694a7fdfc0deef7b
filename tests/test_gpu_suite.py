"""`benchmarks/gpu.sh` at its smallest size on a CPU: what it writes, and what it does when it is stopped."""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from suite_scripts import BENCHMARKS, run_script

measure = partial(run_script, BENCHMARKS / "gpu.sh")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After one run of the pieces."""
    folder = tmp_path_factory.mktemp("gpu")
    done = measure(folder, "figure1", "table1-mige", "waits", "replicas", "frames")
    assert done.returncode == 0, done.stderr
    return folder


def test_it_writes_the_frames_of_figure_1_table_1_and_replicas(results: Path) -> None:
    figure, table, replicas = (
        pd.read_csv(results / name) for name in ("gpu-figure1.csv", "gpu-table1.csv", "pages/gpu-replicas.csv")
    )
    assert set(figure["estimator"]) == {"mige", "mige[calibration=full]", "mige-calibrated", "rsm"}
    assert {"accuracy/Y", "accuracy/conv"} <= set(table["measurement"])
    assert (figure["status"].eq("ok").all(), table["status"].eq("ok").all()) == (True, True)
    waits = pd.read_csv(results / "pages" / "gpu-waits.csv")
    assert set(waits["estimator"]) == {"mige", "infonce"}
    assert (waits["seconds"] > 0).all()
    assert list(replicas["method"]) == ["ssge", "mige", "rsm"]
    assert (replicas[["together", "loop"]] > 0).all(axis=None)


def test_what_is_measured_is_not_measured_again(results: Path) -> None:
    frame = (results / "pages" / "gpu-replicas.csv").read_bytes()
    assert measure(results, "replicas").returncode == 0
    assert (results / "pages" / "gpu-replicas.csv").read_bytes() == frame


def test_a_piece_that_takes_too_long_is_stopped_with_status_124(tmp_path: Path) -> None:
    assert measure(tmp_path, "figure1", LIMIT="0.1").returncode == 124


@pytest.mark.parametrize(("pieces", "environment"), [(["nonsense"], {}), (["figure1"], {"SIZE": "huge"})])
def test_unknown_pieces_and_sizes_are_an_error_of_one_line(
    tmp_path: Path, pieces: list[str], environment: dict[str, str]
) -> None:
    done = measure(tmp_path, *pieces, **environment)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
