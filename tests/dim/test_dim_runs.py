"""Real runs: killed and resumed, without data, on real images, and what is shown after them."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from dim_cases import cell, context
from mibench_dim.infomax import Cell, DeepInfoMax, _Run

import mibench
from mibench.cli import main
from mibench.datasets import DataFolder
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.files import Checkpoint
from mibench.specs import DatasetSpec
from mibench.training import restore, snapshot

COMMAND = str(Path(sys.executable).with_name("mibench"))
DATA = pytest.mark.skipif("MIBENCH_DATA" not in os.environ, reason="MIBENCH_DATA names no folder of image data sets")
TIMES = ("epoch_seconds", "probe_epoch_seconds")


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """What does not depend on the clock."""
    return frame[~frame["measurement"].isin(TIMES)].drop(columns="seconds").reset_index(drop=True)


def saved_epoch(results: Path) -> int:
    return max((torch.load(path, weights_only=True)["epoch"] for path in results.glob("checkpoints/*.pt")), default=0)


def test_a_run_that_is_killed_goes_on_to_the_numbers_of_one_that_was_not(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    task = "dim[epochs=8,probe_epochs=2]"
    args = [COMMAND, "run", "-e", "mige", "-t", task, "--profile", "smoke", "--device", "cpu", "--results"]
    process = subprocess.Popen([*args, killed], start_new_session=True)
    end = time.monotonic() + 300
    try:
        while saved_epoch(killed) < 1:
            assert process.poll() is None, "it ended before it was killed: give it more to do"
            assert time.monotonic() < end, "no checkpoint within five minutes"
            time.sleep(0.02)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert list(killed.glob("records/dim/*/*.json")) == []
    (path,) = killed.glob("checkpoints/*.pt")
    torch.save(torch.load(path, weights_only=True) | {"seconds": 10_000.0}, path)
    for results in (killed, whole):
        subprocess.run([*args, results], check=True, stdout=subprocess.DEVNULL)
    pd.testing.assert_frame_equal(numbers(mibench.load(killed)), numbers(mibench.load(whole)))
    assert mibench.load(killed)["seconds"].min() > 10_000
    encoders = [next(results.glob("artifacts/*/encoder.safetensors")).read_bytes() for results in (killed, whole)]
    assert encoders[0] == encoders[1]
    assert list(killed.glob("checkpoints/*")) == []


@pytest.mark.parametrize("selector", ["mige-rp[k=32]", "jsd", "untrained"])
@pytest.mark.parametrize("mode", ["global", "local"])
def test_every_epoch_goes_on_from_a_checkpoint_as_if_nothing_had_happened(
    selector: str, mode: str, tmp_path: Path
) -> None:
    """Epochs 1 and 2 are the encoder's, 3 and 4 the probes'."""
    asked = cell(prior_matching=True, mode=mode)
    whole = _Run(asked, context(selector))
    expected = [measurement for number in range(1, 5) for measurement in whole._epoch(number)]
    resumed = []
    checkpoint = Checkpoint(tmp_path / "key")
    for number in range(1, 5):
        run = _Run(asked, context(selector))
        if number > 1:
            restore(run._learner, checkpoint.load())
        resumed += run._epoch(number)
        checkpoint.save(snapshot(run._learner))
    assert [measurement for measurement in resumed if measurement.name not in TIMES] == [
        measurement for measurement in expected if measurement.name not in TIMES
    ]


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "stl10"])
def test_a_data_set_that_is_missing_is_one_clear_line(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIBENCH_DATA", raising=False)
    args = ["run", "-e", "mige", "-t", f"dim[dataset={dataset}]", "--executor", "serial", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, [*args, "--device", "cpu"])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    expected = "name its folder with --data-dir or MIBENCH_DATA, or fetch it with --download"
    assert line == f"mibench: data set {dataset} is not here: {expected}"


def test_a_batch_larger_than_the_training_set_is_one_clear_line(tmp_path: Path) -> None:
    args = ["run", "-e", "mige", "-t", "dim[batch=100000]", "--executor", "serial", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, [*args, "--device", "cpu"])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line == "mibench: batch=100000 is more than the 1347 images of digits that the encoder learns from"


def test_stl10_is_learnt_from_images_without_labels_at_full_size(tmp_path: Path) -> None:
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for name, count in (("train", 20), ("test", 10), ("unlabeled", 16)):
        pixels = torch.randint(256, (count, 3 * 96 * 96), dtype=torch.uint8, generator=generator)
        (folder / f"{name}_X.bin").write_bytes(pixels.numpy().tobytes())
        if name != "unlabeled":
            (folder / f"{name}_y.bin").write_bytes(bytes(1 + index % 10 for index in range(count)))
    specs = [DatasetSpec(name="stl10", target="mibench_images.stl10:load")]
    asked = Cell(dataset="stl10", channels=(4, 8, 16), hidden=8, dimension=4, batch=8, epochs=1, probe_epochs=1)
    data = DataFolder(root=tmp_path, specs=specs)
    with pytest.raises(UsageError, match="batch=17 is more than the 16 images of stl10 that the encoder learns from"):
        DeepInfoMax().prepare([replace(asked, batch=17)], data)
    run = _Run(asked, context("mige", data))
    assert len(run._images) == 16
    assert run._learner.objective.dimension == 3 * 96 * 96
    assert run._learner.encoder.shape.conv == 16 * 12 * 12
    names = {measurement.name for measurement in run.measure()}
    assert {"accuracy/conv", "accuracy/fc", "accuracy/Y"} <= names


@DATA
@pytest.mark.parametrize("selector", ["mige", "mige-rp[k=64]", "jsd", "infonce"])
def test_the_published_encoder_takes_steps_on_real_photographs(selector: str) -> None:
    specs = tuple(entry.spec for entry in Registry(load_plugins([])).entries(DatasetSpec))
    folder = DataFolder(root=Path(os.environ["MIBENCH_DATA"]), specs=specs)
    run = _Run(Cell(dataset="cifar100", batch=32), context(selector, folder))
    before = run._learner.encoder.output.weight.clone()
    for start in range(0, 64, 32):
        run._learner.step(run._images.take(slice(start, start + 32)), "float32")
    after = run._learner.encoder.output.weight
    assert after.isfinite().all()
    assert not torch.equal(before, after)


@DATA
def test_a_folder_that_is_not_the_official_set_says_so_in_record_and_table(tmp_path: Path) -> None:
    small = "channels=4x8x16,hidden=16,dimension=8,batch=128,learning_rate=1e-3,probe_learning_rate=1e-3"
    task = f"dim[dataset=cifar100,epochs=1,probe_epochs=1,{small}]"
    args = ["run", "-e", "mige", "-t", task, "--executor", "serial", "--device", "cpu", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, [*args, "--data-dir", os.environ["MIBENCH_DATA"]])
    assert done.exit_code == 0, done.output
    assert "25.84" in done.stdout  # Table 1, Y(64)
    assert "data: cifar100: not the official files, sha256:" in done.stdout
    assert "published: epochs=1000, where ours is epochs=1" in done.stdout
    assert set(mibench.load(tmp_path)["data"].str.startswith("cifar100: not the official files")) == {True}
