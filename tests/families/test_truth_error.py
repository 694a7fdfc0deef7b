"""A truth that is not exact carries its error: in records, in frames, and in what verdicts make of it."""

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from mibench_gaussian.canonical import Canonical, CanonicalParams
from torch import Tensor

import mibench
from mibench.errors import PluginError
from mibench.families import Theta
from mibench.frames import read, write
from mibench.reporting.curves import statistics
from mibench.store.record import Record, read_record
from mibench.testing.families import Effort, check_truth


class Uncertain(Canonical):
    """Says of its own answers that they may be off by so much."""

    stated = 0.002

    def error(self, theta: Theta, name: str | None = None) -> Tensor:
        return torch.full_like(theta["rho"], self.stated)


class Vague(Uncertain):
    """Says that they may be off by anything."""

    stated = 10.0


class Restless(Canonical):
    """Gives another answer every time."""

    def information(self, theta: Theta) -> Tensor:
        return super().information(theta) + 1e-6 * torch.rand((), dtype=torch.float64)


def broken(family: Canonical) -> set[str]:
    effort = Effort(replicas=10, n=100)
    return {finding.claim for finding in check_truth(family, effort) if not finding.holds}


def test_a_monte_carlo_truth_is_recorded_with_its_standard_error_and_a_closed_form_without(tmp_path: Path) -> None:
    frame = mibench.run(
        "oracle", "clusters[d=2,s=0.5,n=16],x-mixture[r=0.9,n=16],lomax[alpha=1,n=16]", results=tmp_path
    )
    about = frame[frame["measurement"].isin(["mi", "mi_gradient"])].groupby(["task", "measurement"])["truth_error"]
    assert about.first()["clusters"].between(1e-6, 1e-2).all()
    assert about.first()["x-mixture"].between(1e-18, 1e-9).all()
    assert about.count()["lomax"].sum() == 0
    write(frame, tmp_path / "frame.csv")
    pd.testing.assert_frame_equal(read(tmp_path / "frame.csv"), frame)


def test_frames_of_exact_truths_have_no_column_of_errors(tmp_path: Path) -> None:
    assert "truth_error" not in mibench.run("oracle", "lomax[n=16,alpha=1]", results=tmp_path).columns


def test_a_record_without_the_error_is_read_and_one_with_it_keeps_it(tmp_path: Path) -> None:
    mibench.run("oracle", "clusters[s=0.5,n=16]", results=tmp_path, seeds=1)
    (path,) = tmp_path.rglob("*.json")
    record, data = read_record(path), json.loads(path.read_text())
    assert isinstance(record, Record)
    assert Record.from_json(record.to_json()) == record
    assert any(measurement.truth_error for measurement in record.outcome.measurements)
    for measurement in data["measurements"]:
        measurement.pop("truth_error", None)
    older = Record.from_json(data).outcome.measurements
    assert older == tuple(dataclasses.replace(it, truth_error=None) for it in record.outcome.measurements)


def test_errors_of_a_curve_say_how_far_they_move_with_its_truths(tmp_path: Path) -> None:
    frame = mibench.run("gauss", "clusters[d=2,s=0.5|1,n=64]", results=tmp_path, seeds=2)
    rows = statistics(frame)
    assert (rows["truth_error"] > 0).all()
    rmse = rows[(rows["statistic"] == "rmse") & (rows["measurement"] == "mi")]
    assert (rmse["truth_error"] <= frame.loc[frame["measurement"] == "mi", "truth_error"].max()).all()


@pytest.mark.parametrize(
    ("kind", "claims"), [(Uncertain, set[str]()), (Vague, {"error", "error/rho"}), (Restless, {"repeatable"})]
)
def test_the_kit_proves_what_a_family_says_of_its_own_error(kind: type[Canonical], claims: set[str]) -> None:
    assert claims == broken(kind(CanonicalParams(d=2, rho=0.6))) & {"repeatable", "error", "error/rho"}


def test_no_parameter_of_a_cell_may_have_the_columns_name(tmp_path: Path) -> None:
    plugin = tmp_path / "erring.py"
    plugin.write_text(
        "from dataclasses import dataclass\n"
        "from mibench import Profile, Task, TaskSpec, hookimpl\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Cell:\n    truth_error: float = 1.0\n"
        "class Erring(Task):\n    Params = Cell\n"
        "@hookimpl\n"
        "def mibench_tasks():\n"
        "    return [TaskSpec(name='erring', target=Erring, profiles={'quick': Profile(seeds=1)})]\n"
    )
    with pytest.raises(PluginError, match="may not be called truth_error"):
        mibench.run("gauss", "erring", results=tmp_path, plugins=[str(plugin)])
