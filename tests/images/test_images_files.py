"""Data sets are read from their published layouts, told apart from others, and never executed."""

import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mibench_images import cifar, digits, mnist, stl10

from mibench.errors import DataError

DATA = pytest.mark.skipif("MIBENCH_DATA" not in os.environ, reason="MIBENCH_DATA names no folder of image data sets")


def idx(path: Path, array: np.ndarray[Any, Any]) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def made_mnist(tmp_path: Path) -> Path:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.arange(6 * 28 * 28, dtype=np.uint32).reshape(6, 28, 28) % 251
    for part, count in (("train", 6), ("t10k", 3)):
        idx(raw / f"{part}-images-idx3-ubyte", pixels[:count])
        idx(raw / f"{part}-labels-idx1-ubyte", np.arange(count) % 10)
    return tmp_path


def write_cifar(folder: Path, labels: str, names: list[str], pixels: np.ndarray[Any, Any]) -> None:
    folder.mkdir(parents=True)
    for place, name in enumerate(names):
        batch = {"data": pixels.reshape(len(pixels), -1), labels: [(place + i) % 10 for i in range(len(pixels))]}
        (folder / name).write_bytes(pickle.dumps(batch))


CIFAR10 = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
PIXELS = np.arange(2 * 3 * 32 * 32, dtype=np.uint32).reshape(2, 3, 32, 32).astype(np.uint8)


def test_mnist_is_read_and_told_apart_from_the_official_files(made_mnist: Path) -> None:
    data = mnist.load_mnist(made_mnist, False)
    assert data.train.images.shape == (6, 1, 28, 28)
    assert data.train.images[1, 0, 0, 0] == 28 * 28 % 251
    assert data.test.labels.tolist() == [0, 1, 2]
    assert data.identity.startswith("not the official files, sha256:")


@pytest.mark.parametrize("file", mnist.FILES)
def test_a_truncated_idx_file_is_one_clear_error(made_mnist: Path, file: str) -> None:
    path = made_mnist / "MNIST" / "raw" / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data set mnist: the (training|test) files in .* are damaged or cut short"):
        mnist.load_mnist(made_mnist, False)


@pytest.mark.parametrize("load", [mnist.load_mnist, mnist.load_fashion_mnist, cifar.load_cifar10, stl10.load])
@pytest.mark.parametrize("root", ["empty", "absent", "none"])
def test_a_folder_without_the_data_set_says_where_it_was_looked_for(load: Any, root: str, tmp_path: Path) -> None:
    place = {"empty": tmp_path, "absent": tmp_path / "nowhere", "none": None}[root]
    expected = "is not here: name its folder" if place is None else f"is not found in {place}: name its folder"
    with pytest.raises(DataError, match=expected):
        load(place, False)


@pytest.mark.parametrize("folder", ["cifar-10-batches-py", "cifar-10-rebuilt-py", "."])
def test_any_folder_of_cifars_layout_is_read_and_identified(tmp_path: Path, folder: str) -> None:
    root = tmp_path / "root"
    write_cifar(root / folder, "labels", CIFAR10, PIXELS)
    data = cifar.load_cifar10(root, False)
    assert data.train.images.shape == (10, 3, 32, 32)
    assert torch.equal(data.test.images, torch.from_numpy(PIXELS))
    assert data.train.labels.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert data.identity.startswith("not the official files, sha256:")


def test_the_identity_follows_the_contents_and_not_the_place(tmp_path: Path) -> None:
    changed = PIXELS.copy()
    changed[0, 0, 0, 0] += 1
    fetched: list[str] = []
    for name, pixels in (("a", PIXELS), ("b", PIXELS), ("c", changed)):
        write_cifar(tmp_path / name / "cifar-10-other", "labels", CIFAR10, pixels)
        fetched.append(cifar.load_cifar10(tmp_path / name, False).identity)
    assert fetched[0] == fetched[1] != fetched[2]


def test_two_folders_of_one_layout_have_to_be_told_apart(tmp_path: Path) -> None:
    for name in ("cifar-10-a", "cifar-10-b"):
        write_cifar(tmp_path / name, "labels", CIFAR10, PIXELS)
    with pytest.raises(DataError, match="holds cifar-10-a, cifar-10-b: name one of them with --data-dir"):
        cifar.load_cifar10(tmp_path, False)


class Trap:
    """A pickle that runs a command where it is read by a stock unpickler."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    folder, mark = tmp_path / "cifar-10-batches-py", tmp_path / "mark"
    write_cifar(folder, "labels", CIFAR10, PIXELS)
    (folder / "test_batch").write_bytes(pickle.dumps({"data": Trap(mark), "labels": []}))
    with pytest.raises(DataError, match="has no place in a data set"):
        cifar.load_cifar10(tmp_path, False)
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps({"data": PIXELS.reshape(2, -1)}),
        pickle.dumps({"data": np.zeros((1, 5), np.uint8), "labels": [0]}),
        b"\x8d" + b"\xff" * 8,
    ],
    ids=["empty", "text", "without labels", "no images", "text beyond memory"],
)
def test_a_damaged_batch_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    write_cifar(folder, "labels", CIFAR10, PIXELS)
    (folder / "data_batch_3").write_bytes(content)
    with pytest.raises(DataError, match="data_batch_3 is damaged or no batch of images"):
        cifar.load_cifar10(tmp_path, False)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ({"data": PIXELS / np.float32(255), "labels": [0, 1]}, "its pixels are float32 and not uint8"),
        ({"data": PIXELS.astype(np.int64) + 256, "labels": [0, 1]}, "its pixels are int64 and not uint8"),
        ({"data": [[300] * 3072], "labels": [0]}, "its pixels are int64 and not uint8"),
        ({"data": PIXELS, "labels": [0, 1, 2]}, "it has 2 images and 3 labels"),
        ({"data": PIXELS, "labels": [0, 10]}, "its labels are not all whole numbers from 0 to 9"),
        ({"data": PIXELS, "labels": [0, -1]}, "its labels are not all whole numbers from 0 to 9"),
        ({"data": PIXELS, "labels": [0, 1.5]}, "its labels are not all whole numbers from 0 to 9"),
        ({"data": PIXELS, "labels": [0, float("inf")]}, "its labels are not all whole numbers from 0 to 9"),
        ({"data": PIXELS, "labels": [[0], [1]]}, "its labels are not all whole numbers from 0 to 9"),
    ],
)
def test_a_batch_of_other_pixels_or_labels_is_named(tmp_path: Path, batch: dict[str, Any], said: str) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    write_cifar(folder, "labels", CIFAR10, PIXELS)
    (folder / "data_batch_3").write_bytes(pickle.dumps(batch))
    with pytest.raises(DataError, match=f"data_batch_3 is damaged or no batch of images: {said}"):
        cifar.load_cifar10(tmp_path, False)


def test_labels_of_one_file_are_not_those_of_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    write_cifar(folder, "labels", CIFAR10, PIXELS)
    for name, labels in (("data_batch_1", [0, 1, 2]), ("data_batch_2", [3])):
        (folder / name).write_bytes(pickle.dumps({"data": PIXELS, "labels": labels}))
    with pytest.raises(DataError, match="data_batch_1 is damaged or no batch of images: it has 2 images and 3 labels"):
        cifar.load_cifar10(tmp_path, False)


def write_stl10(root: Path, labels: int = 4) -> torch.Tensor:
    folder = root / "stl10_binary"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (4, 3, 96, 96), dtype=torch.uint8, generator=generator)
    columns_first = images.mT.contiguous().numpy().tobytes()
    for name in ("train", "test"):
        (folder / f"{name}_X.bin").write_bytes(columns_first)
        (folder / f"{name}_y.bin").write_bytes(bytes(range(1, labels + 1)))
    (folder / "unlabeled_X.bin").write_bytes(columns_first[: 3 * 96 * 96])
    return images


def test_stl10_has_columns_before_rows_and_labels_from_one(tmp_path: Path) -> None:
    images = write_stl10(tmp_path)
    data = stl10.load(tmp_path, False)
    assert torch.equal(data.train.images, images)
    assert data.test.labels.tolist() == [0, 1, 2, 3]
    assert data.unlabelled is not None
    assert torch.equal(data.unlabelled, images[:1])
    assert data.identity.startswith("not the official files")


def test_stl10_that_is_cut_short_is_one_clear_error(tmp_path: Path) -> None:
    write_stl10(tmp_path)
    path = tmp_path / "stl10_binary" / "unlabeled_X.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"unlabeled_X.bin is cut short"):
        stl10.load(tmp_path, False)


def test_stl10_with_labels_that_do_not_fit_is_one_clear_error(tmp_path: Path) -> None:
    write_stl10(tmp_path, labels=3)
    with pytest.raises(DataError, match="4 images and 3 labels of train"):
        stl10.load(tmp_path, False)


def test_digits_come_without_a_folder() -> None:
    data = digits.load(None, False)
    assert data.train.images.shape == (1347, 1, 8, 8)
    assert data.test.images.shape == (450, 1, 8, 8)
    assert data.train.images.max() == 255
    assert data.identity.startswith("sha256:")


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"install mibench\[digits\], or name another, e.g. dataset=mnist"):
        digits.load(None, False)


@DATA
def test_mnist_here_is_the_official_one() -> None:
    data = mnist.load_mnist(Path(os.environ["MIBENCH_DATA"]), False)
    assert data.identity == "official"
    assert len(data.train) == 60_000


@DATA
def test_cifar_100_here_is_a_sample_of_the_official_one() -> None:
    data = cifar.load_cifar100(Path(os.environ["MIBENCH_DATA"]), False)
    assert data.classes == 100
    assert set(data.train.labels.tolist()) == set(range(100))
    assert data.identity.startswith("not the official files, sha256:")
