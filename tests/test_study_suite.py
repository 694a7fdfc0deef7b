"""`benchmarks/suites/study.sh`: the frames that it writes, and what it says where it cannot go on.

`DEVICE=cpu SIZE=smoke benchmarks/suites/study.sh RESULTS` runs all of it in a minute, and is not run here.
"""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from suite_scripts import BENCHMARKS, run_script

import mibench

CELL = "dim[epochs=1,probe_epochs=1,truth_every=1,power=fixed,noise=2,judge=mige+mige-calibrated,x=image]"


measure = partial(run_script, BENCHMARKS / "suites" / "study.sh")


def test_the_frames_hold_what_trials_end_with_and_their_readings(tmp_path: Path) -> None:
    mibench.run("mige", CELL, profile="smoke", seeds=1, device="cpu", executor="serial", results=tmp_path)
    done = measure(tmp_path, "frames", SIZE="smoke")
    assert done.returncode == 0, done.stderr
    ends, readings, longer = (
        pd.read_csv(tmp_path / name) for name in ("study.csv", "study-readings.csv", "study-longer.csv")
    )
    assert ends["epoch"].isna().all()
    assert {"accuracy/Y", "effective_rank", "truth/information", "truth/cosine/weights"} <= set(ends["measurement"])
    assert set(readings["epoch"]) == {1}
    assert longer.empty
    assert {"truth/cosine/batch/mige-calibrated", "truth/noise_floor"} <= set(readings["measurement"])


def test_a_piece_that_takes_too_long_is_stopped_with_status_124(tmp_path: Path) -> None:
    assert measure(tmp_path, "conv", LIMIT="0.1").returncode == 124


@pytest.mark.parametrize(("pieces", "environment"), [(["nonsense"], {}), (["image"], {"SIZE": "huge"})])
def test_unknown_pieces_and_sizes_are_an_error_of_one_line(
    tmp_path: Path, pieces: list[str], environment: dict[str, str]
) -> None:
    done = measure(tmp_path, *pieces, **environment)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
