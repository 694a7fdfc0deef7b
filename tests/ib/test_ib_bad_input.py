"""Bad input costs one clear line, and no more than it must."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from mibench_ib.summary import error_table

from mibench.cli import main
from mibench.comparison.references import load_references
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry

Run = Callable[..., pd.DataFrame]


def cli(*args: str) -> Result:
    return CliRunner().invoke(main, ["run", "--executor", "serial", "--device", "cpu", "-e", "dvb", *args])


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("ib[dataset=digits,beta=-1]", "`beta` is at least 0, not -1.0"),
        ("ib[dataset=digits,batch=5000]", "batch=5000 is more than the 1347 training images of digits"),
        ("ib[dataset=digits,validation=1300]", "the 47 training images of digits that validation=1300 leaves"),
        ("ib[dataset=digits,validation=5000]", "the 0 training images of digits that validation=5000 leaves"),
        ("ib[dataset=digits,validation=-1]", "`validation` is at least 0, not -1"),
        ("ib[dataset=digits,epochs=0]", "`epochs` is at least 1"),
        ("ib[dataset=digits,hidden=-5]", "`hidden` is at least 1, not -5"),
        ("ib[dataset=digits,hidden=32x0]", "`hidden` is at least 1, not 0"),
        ("ib[dataset=digots]", "there is no data set 'digots'; did you mean digits?"),
        ("ib[dataset=mnist]", "name its folder with --data-dir or MIBENCH_DATA, or fetch it with --download"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    task: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIBENCH_DATA", raising=False)
    for more in ([], ["--data-dir", str(tmp_path)]):
        result = cli("--task", task, "--results", str(tmp_path / "results"), *more)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert said in result.stderr
    assert not (tmp_path / "results" / "records").exists() or not list((tmp_path / "results").rglob("*.json"))


def test_an_estimator_without_a_gradient_is_a_skipped_row(run: Run) -> None:
    frame = run("value-only,dvb")
    assert dict(zip(frame["estimator"], frame["status"], strict=True)) == {"value-only": "skipped", "dvb": "ok"}
    table = error_table(frame, load_references(Registry(load_plugins())))
    assert dict(zip(table["estimator"], table["not ok"], strict=True)) == {"value-only": "1 skipped", "dvb": ""}


def test_training_that_turns_to_nan_has_diverged_in_a_named_epoch(run: Run, tmp_path: Path) -> None:
    frame = run("nan", epochs=5, batch=64)
    assert set(frame["status"]) == {"diverged"}
    first = frame[(frame["measurement"] == "loss") & (frame["epoch"] == 1)]
    assert first["value"].notna().all()
    assert "the loss is not finite in epoch 2" in next((tmp_path / "records").rglob("*.json")).read_text()
