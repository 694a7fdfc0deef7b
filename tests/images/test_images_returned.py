"""What the function of a data set returns is looked at once, and the line names the data set."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from mibench.cli import main
from mibench.contracts import Dataset, Split
from mibench.datasets import DataFolder
from mibench.errors import PluginError
from mibench.specs import DatasetSpec

IMAGES = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 2, 0])
SPLIT = Split(IMAGES, LABELS)
SOUND = Dataset(train=SPLIT, test=SPLIT, classes=3, identity="made up")
RETURNED: list[Any] = []


def load(root: Path | None, download: bool) -> Any:
    del root, download
    return RETURNED.pop()


def loaded(data: Any, name: str) -> Any:
    """What a data set of this name gives if its function returns `data`."""
    RETURNED.append(data)
    return DataFolder(specs=[DatasetSpec(name=name, target=load)]).load(name)


def odd(**fields: Any) -> SimpleNamespace:
    """A data set with other fields, of types that these tests' own checks would not let a `Dataset` have."""
    return SimpleNamespace(**vars(SOUND) | fields)


def odd_train(images: Any = IMAGES, labels: Any = LABELS) -> SimpleNamespace:
    return odd(train=SimpleNamespace(images=images, labels=labels))


WRONG: dict[str, tuple[Any, str]] = {
    "nothing": (None, "it is to be a mibench.contracts.Dataset, not None"),
    "pair": ((SPLIT, SPLIT), "it is to be a mibench.contracts.Dataset, not a tuple"),
    "no-classes": (odd(classes=0), "`classes` is a whole number from 1, not an int, 0"),
    "no-identity": (odd(identity=""), "`identity` is text that says which files these are"),
    "no-split": (odd(test=(IMAGES, LABELS)), "`test` is to be a mibench.contracts.Split, not a tuple"),
    "array": (
        odd_train(IMAGES.numpy()),
        "`train.images` is a tensor (n, channels, height, width) of torch.uint8, not",
    ),
    "floats": (odd_train(IMAGES / 255), "of torch.uint8, not (4, 1, 8, 8) of torch.float32"),
    "signed": (odd_train(IMAGES.to(torch.int8)), "of torch.uint8, not (4, 1, 8, 8) of torch.int8"),
    "no-channels": (odd_train(IMAGES[:, 0]), "of torch.uint8, not (4, 8, 8) of torch.uint8"),
    "empty": (odd_train(IMAGES[:0], LABELS[:0]), "of torch.uint8, and this one (0, 1, 8, 8) is empty"),
    "list": (
        odd_train(labels=[0, 1, 2, 0]),
        "`train.labels` is a tensor (4,) of torch.int64, one an image, not a",
    ),
    "few-labels": (odd_train(labels=LABELS[:3]), "one an image, not (3,) of torch.int64"),
    "soft-labels": (odd_train(labels=LABELS / 2), "one an image, not (4,) of torch.float32"),
    "half-width": (odd_train(labels=LABELS.int()), "one an image, not (4,) of torch.int32"),
    "flags": (odd_train(labels=LABELS > 0), "one an image, not (4,) of torch.bool"),
    "few-classes": (odd(classes=2), "`train.labels` goes from 0 to 2, and with `classes` 2 from 0 to 1"),
    "negative": (odd_train(labels=LABELS - 1), "`train.labels` goes from -1 to 1, and with `classes` 3 from 0 to 2"),
    "unlabelled": (odd(unlabelled=IMAGES.float()), "`unlabelled` is a tensor (n, channels, height, width)"),
    "two-sizes": (odd_train(IMAGES[..., :7]), "are of one (channels, height, width), not of (1, 8, 7) and (1, 8, 8)"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_a_data_set_may_not_be_is_one_line_that_names_it(wrong: str) -> None:
    data, message = WRONG[wrong]
    with pytest.raises(PluginError, match=re.escape(message)) as raised:
        loaded(data, wrong)
    assert str(raised.value).startswith(f"data set {wrong!r} of {__name__}:load: ")
    assert str(raised.value).endswith("; see docs/dataset.md")


@pytest.mark.parametrize(
    "sound",
    [SOUND, replace(SOUND, unlabelled=IMAGES), replace(SOUND, train=Split(IMAGES.mT, LABELS))],
    ids=["plain", "unlabelled", "not-contiguous"],
)
def test_what_a_data_set_may_be_is_passed_on(sound: Dataset, request: pytest.FixtureRequest) -> None:
    assert loaded(sound, request.node.callspec.id) is sound


PLUGIN = """
from mibench import DatasetSpec, hookimpl

@hookimpl
def mibench_datasets():
    return [DatasetSpec(name="odd", target=load)]

def load(root, download):
    {body}
"""


@pytest.mark.parametrize(
    ("module", "body", "message"),
    [
        ("images_none", "pass", "it is to be a mibench.contracts.Dataset, not None"),
        ("images_raise", "return open('/nowhere')", "FileNotFoundError: [Errno 2] No such file"),
        ("images_exit", "raise SystemExit", "SystemExit: "),
    ],
)
def test_a_run_blames_neither_its_task_nor_its_estimator(module: str, body: str, message: str, tmp_path: Path) -> None:
    plugin = tmp_path / f"{module}.py"
    plugin.write_text(PLUGIN.format(body=body))
    asked = ("-e", "infonce", "-t", "dim[dataset=odd]", "--profile", "smoke", "--executor", "serial")
    done = CliRunner().invoke(main, ["run", *asked, "-p", str(plugin), "--results", str(tmp_path / "results")])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mibench: data set 'odd' of {module}:load: {message}")
