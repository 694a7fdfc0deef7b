"""`benchmarks/suites/ib.sh` and `dim.sh`: the frames that they write, and what they say where they cannot go on."""

from pathlib import Path

import pandas as pd
import pytest
from suite_scripts import BENCHMARKS, run_script

import mibench

SUITES = BENCHMARKS / "suites"


def test_frames_are_written_of_what_has_been_measured_and_no_older_one_is_lost(tmp_path: Path) -> None:
    cell = "ib[dataset=digits,epochs=2,validation=300,beta=1e-3|1]"
    mibench.run("dvb", cell, profile="smoke", seeds=2, device="cpu", executor="serial", results=tmp_path)
    (tmp_path / "ib-mnist.csv").write_text("older\n")
    done = run_script(SUITES / "ib.sh", tmp_path, "frames")
    assert done.returncode == 0, done.stderr
    frame = pd.read_csv(tmp_path / "ib-beta.csv")
    assert set(frame["beta"]) == {0.001, 1}
    assert {"error_rate", "error_rate/validation"} <= set(frame["measurement"])
    by_epoch = frame["epoch"].notna()
    assert (set(frame.loc[~by_epoch, "seed"]), set(frame.loc[by_epoch, "seed"])) == ({0, 1}, {0})
    assert (tmp_path / "ib-mnist.csv").read_text() == "older\n"


@pytest.mark.parametrize("script", ["ib.sh", "dim.sh"])
@pytest.mark.parametrize(("pieces", "environment"), [(["nonsense"], {}), (["frames"], {"SIZE": "huge"})])
def test_unknown_pieces_and_sizes_are_an_error_of_one_line(
    tmp_path: Path, script: str, pieces: list[str], environment: dict[str, str]
) -> None:
    done = run_script(SUITES / script, tmp_path, *pieces, **environment)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
